"""Rows of a suite by their names, as leaderboards print them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from p2lbench.choosing import BETWEEN, named, told
from p2lbench.errors import UserError, did_you_mean
from p2lbench.spec import Method

ALL = "all"
PARTS = ("generator", "loss", "transform", "init", "optimizer")
_PART = re.compile(rf"(?:^|,)\s*({'|'.join(PARTS)})=")


def chosen(methods: Sequence[Method], names: Sequence[str]) -> tuple[Method, ...]:
    """The rows that the names say, each once; the first of all rows if there are none.

    Args:
        names: each `all`, or of a single row: its names in any order (`adam | spatial`; one is
            enough where no other row has it), or by axis (`transform=none,optimizer=adam`).

    Raises:
        UserError: there is no such row, or several.
    """
    if not names:
        return tuple(methods[:1])
    by_row: dict[tuple[str, ...], Method] = {method.row: method for method in methods}
    found = [row for name in names for row in _rows([*by_row], name)]
    return tuple(by_row[row] for row in dict.fromkeys(found))


def title(method: Method, methods: Sequence[Method]) -> str:
    """A row among others as `chosen` takes it; of a single row its optimizer and its transform."""
    if len(methods) == 1:
        return BETWEEN.join([method.row[4], method.row[2]])
    return told([other.row for other in methods])[method.row]


def _rows(rows: list[tuple[str, ...]], name: str) -> Sequence[tuple[str, ...]]:
    if name == ALL and not any(ALL in row for row in rows):
        return rows
    whole = [*told(rows).values(), *(label for row in rows for label in row)]
    if not _PART.search(name) or name in whole:
        return named(rows, name, "--method")
    wanted = _by_axis(rows, name)
    found = [row for row in rows if all(row[k] == label for k, label in wanted.items())]
    if len(found) == 1:
        return found
    which = f"{len(found)} rows" if found else "no row has all of these"
    listed = "\n".join(f"  {told(rows)[row]}" for row in found or rows)
    raise UserError(f"--method: {which}; say which:\n{listed}")


def _by_axis(rows: Sequence[tuple[str, ...]], name: str) -> dict[int, str]:
    """Axis by number → row name. A name may have commas: only `axis=` begins a part."""
    before, *pieces = _PART.split(name)
    if before.strip():
        raise UserError(f"--method: expected axis=name before ',', got '{before}'")
    wanted = {}
    for part, label in zip(pieces[::2], pieces[1::2], strict=True):
        k = PARTS.index(part)
        known = list(dict.fromkeys(row[k] for row in rows))
        if label not in known:
            close = did_you_mean(label, known)
            listed = ", ".join(f"'{other}'" for other in known)
            raise UserError(f"--method: no {part} '{label}' here.{close} There are: {listed}")
        wanted[k] = label
    return wanted
