"""Rows of a suite by their names, as leaderboards print them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from p2lbench.errors import UserError, did_you_mean
from p2lbench.spec import AXES, Method

ALL = "all"
PARTS = tuple(axis.removesuffix("s") if axis != "losses" else "loss" for axis in AXES)
_PART = re.compile(rf"(?:^|,)\s*({'|'.join(PARTS)})=")


def chosen(methods: Sequence[Method], names: Sequence[str]) -> tuple[Method, ...]:
    """The rows that the names say, each once; the first of all rows if there are none.

    Args:
        names: each `all`, an optimizer's row name, or names by axis
            (`transform=spatial,optimizer=adam`), which must be those of a single row.

    Raises:
        UserError: there is no such row, or several.
    """
    if not names:
        return tuple(methods[:1])
    found = [method for name in names for method in _named(methods, name)]
    return tuple({method.row: method for method in found}.values())


def title(method: Method, methods: Sequence[Method]) -> str:
    """A row among others as figures call it: the axes in which they differ, the optimizer first;
    of a single row its optimizer and its transform."""
    differing = _differing(methods) or [AXES.index("transforms"), AXES.index("optimizers")]
    return " · ".join(method.row[k] for k in reversed(differing))


def written(method: Method, methods: Sequence[Method]) -> str:
    """What names a row among others in `--method`: its optimizer, if that does."""
    row = method.row
    if sum(other.row[-1] == row[-1] for other in methods) == 1:
        return row[-1]
    return ",".join(f"{PARTS[k]}={row[k]}" for k in _differing(methods))


def _differing(methods: Sequence[Method]) -> list[int]:
    return [k for k in range(len(AXES)) if len({method.row[k] for method in methods}) > 1]


def _named(methods: Sequence[Method], name: str) -> Sequence[Method]:
    if name == ALL and not any(method.row[-1] == ALL for method in methods):
        return methods
    wanted = _parts(name, methods)
    found = [m for m in methods if all(m.row[PARTS.index(k)] == v for k, v in wanted.items())]
    if len(found) == 1:
        return found
    listed = "\n".join(f"  --method '{written(method, methods)}'" for method in found or methods)
    which = f"{len(found)} rows are" if found else "no row is"
    raise UserError(f"--method: {which} '{name}'. Expected one of these:\n{listed}")


def _parts(name: str, methods: Sequence[Method]) -> dict[str, str]:
    """Axis → row name. A name may have commas: only `axis=` begins a part."""
    known = {part: {m.row[k]: None for m in methods} for k, part in enumerate(PARTS)}
    pieces = _PART.split(name)
    wanted = dict(zip(pieces[1::2], pieces[2::2], strict=True))
    if name in known[PARTS[-1]] or not wanted:
        wanted = {PARTS[-1]: name}
    elif pieces[0].strip():
        wanted.setdefault(PARTS[-1], pieces[0])
    for part, value in wanted.items():
        if value not in known[part]:
            close = did_you_mean(value, known[part])
            rows = ", ".join(f"'{label}'" for label in known[part])
            raise UserError(f"--method: no {part} '{value}' here.{close} Rows: {rows}")
    return wanted
