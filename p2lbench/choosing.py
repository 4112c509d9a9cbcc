"""Which cell of a results folder somebody means, and which of its candidates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from p2lbench.errors import UserError, did_you_mean
from p2lbench.plan import PlanRow
from p2lbench.record import Record
from p2lbench.store import Store

SHOWN = 20
BETWEEN = " | "


def chosen(
    store: Store, row: str | None = None, image: str | None = None, repeat: int | None = None
) -> PlanRow:
    """The one planned cell that these tell; each may be left out where there is but one.

    Args:
        row: names of its row, such as `basincma`, or several, as in `basincma | spatial`.

    Raises:
        UserError: there is none, or there are several; it says which there are.
    """
    plan = list(store.plan())
    if not plan:
        raise UserError(f"{store.folder}: nothing is planned here; run the suite first")
    plan = [each for each in plan if each.row in _rows(plan, row)]
    images = list(dict.fromkeys(each.image for each in plan))
    name = _one("--image", image, images)
    plan = [each for each in plan if each.image == name]
    repeats = list(dict.fromkeys(str(each.repeat) for each in plan))
    # Repeats differ by nothing but their draws: the first will do.
    asked = _one("--repeat", "0" if repeat is None else str(repeat), repeats)
    return next(each for each in plan if str(each.repeat) == asked)


def candidate_of(record: Record, candidate: int | None = None) -> int:
    """The candidate by number, or the selected one: that of the lowest original-frame objective.

    Raises:
        UserError: the cell has no such candidate, or none whose objective is finite.
    """
    if not record.objective:
        why = f": {record.reason}" if record.reason else ""
        raise UserError(f"cell {record.cell} left no points: it is '{record.status}'{why}")
    if candidate is None:
        candidate = record.selected
    if candidate is None:
        raise UserError(f"cell {record.cell} is '{record.status}': no candidate has a finite loss")
    if not 0 <= candidate < len(record.objective):
        last = len(record.objective) - 1
        raise UserError(f"--candidate: expected 0 to {last}, got {candidate}")
    if record.objective[candidate] is None:
        raise UserError(f"--candidate: candidate {candidate} has no finite loss: choose another")
    return candidate


def told(rows: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """Rows, each by the names that tell it from the others; the optimizer first."""
    axes = [k for k in range(4) if len({row[k] for row in rows}) > 1]
    return {row: BETWEEN.join([row[4], *(row[k] for k in axes)]) for row in rows}


def _rows(plan: Iterable[PlanRow], asked: str | None) -> list[tuple[str, ...]]:
    return named([*dict.fromkeys(each.row for each in plan)], asked, "--row")


def named(rows: Sequence[tuple[str, ...]], asked: str | None, option: str) -> list[tuple[str, ...]]:
    """The one row, in a list, that has all the names asked for.

    Raises:
        UserError: there is none, or there are several; it says which there are.
    """
    known = told(rows)
    exact = [row for row in rows if known[row] == asked]
    if len(exact) == 1:  # a name may have a bar in it
        return exact
    names = [] if asked is None else [name.strip() for name in asked.split(BETWEEN.strip())]
    every = list(dict.fromkeys(name for row in rows for name in row))
    for name in names:
        if name not in every:
            message = f"{option}: no row has '{name}'.{did_you_mean(name, every)}"
            raise UserError(f"{message} There are:\n{_listed(known.values())}")
    found = [row for row in rows if all(name in row for name in names)]
    if len(found) == 1:
        return found
    several = [known[row] for row in found or rows]
    have = "no row has all of these" if not found else f"{len(several)} rows"
    raise UserError(f"{option}: {have}; say which:\n{_listed(several)}")


def _one(option: str, asked: str | None, known: Sequence[str]) -> str:
    if asked is None and len(known) == 1:
        return known[0]
    if asked is not None and asked in known:
        return asked
    if asked is None:
        raise UserError(f"{option}: {len(known)} to choose from; say which:\n{_listed(known)}")
    message = f"{option}: there is no '{asked}' here.{did_you_mean(asked, known)}"
    raise UserError(f"{message} There are:\n{_listed(known)}")


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = [f"  and {len(every) - SHOWN} more"] if len(every) > SHOWN else []
    return "\n".join([*(f"  {name}" for name in every[:SHOWN]), *more])
