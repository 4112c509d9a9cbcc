"""Brings a reference's rows into the suite's own results folder, and holds them to their word."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from p2lbench.errors import StoreError
from p2lbench.executors.base import Watch
from p2lbench.identity import read_cell
from p2lbench.plan import Cell, Plan, PlanRow
from p2lbench.record import KEPT, Record
from p2lbench.reference import folder
from p2lbench.reference.match import Reference
from p2lbench.reference.told import Told
from p2lbench.spec import canonical
from p2lbench.store import Store, storable

_NEAR = 0.01  # of the objective: what machines and versions may differ by, another network does not
_NEARLY_NOTHING = 1e-5
SAME_START = 1e-3


@dataclass(frozen=True)
class Beside:
    """What a plan takes from a reference; nothing, if there is none.

    `rows`: further rows of the plan. `own`: planned cells that the reference has as well.
    """

    reference: Reference | None
    rows: tuple[PlanRow, ...] = ()
    own: tuple[PlanRow, ...] = ()

    def identities(self) -> Iterator[tuple[str, str]]:
        """Of the further rows: keys of methods and ids of cells, with what they are the hash of."""
        if not self.rows:
            return
        with self._opened() as store:
            keys = dict[str, None]()
            for id_ in dict.fromkeys(row.cell for row in self.rows):
                content = store.identity(id_) or {}
                yield id_, canonical(content)
                keys[str(content.get("method"))] = None
            for key in keys:
                yield key, canonical(store.identity(key))

    def told(self, store: Store, fresh: bool) -> Told | None:
        """What tables say of the reference: of the suite's own rows, those of which some cell is
        taken from there, now or before."""
        if self.reference is None:
            return None
        asked = self.own and not fresh
        known = {
            one.cell: one.referred and one.status in KEPT
            for one in (store.standings() if asked else ())
        }
        own = () if fresh else (row.row for row in self.own if known.get(row.cell, True))
        return self.reference.told({*own})

    def bring(
        self, store: Store, candidates: int, fresh: bool, warn: Callable[[str], None]
    ) -> None:
        """Copy the records that the folder does not have.

        Args:
            fresh: copy them all, and none of cells that the suite is to run itself.
        """
        if self.reference is None:
            return
        for line in self.reference.left_out:
            warn(line)
        cells = dict.fromkeys(row.cell for row in self.rows)
        have = {} if fresh else store.statuses(cells)
        missing = [cell for cell in cells if have.get(cell) not in KEPT]
        own = {} if fresh else {row.cell: row.row[4] for row in self.own}
        new = own.keys() - store.statuses(own).keys()
        for name in dict.fromkeys(own[cell] for cell in own if cell in new):
            there = self.reference.suite
            warn(
                f"'{name}' has the same cells in the reference '{there}': taken from there, not run"
            )
        with self._opened() as source:
            for cell in dict.fromkeys([*missing, *new]):
                store.put(folder.taken(source, cell, candidates, self.reference.suite))

    def cells(self, store: Store, plan: Plan) -> list[Cell]:
        """The further rows' cells, to score their points; on as many threads as the suite says."""
        images = store.images() if self.rows else {}
        found = {}
        for row in self.rows:
            if row.cell not in found:
                cell = read_cell(store, row, images[storable(row.image)], plan.device)
                found[row.cell] = replace(cell, threads=plan.suite.threads)
        return [*found.values()]

    @contextmanager
    def _opened(self) -> Iterator[Store]:
        if self.reference is None:
            raise StoreError("no reference to read")
        with folder.opened(self.reference.folder) as store:
            yield store


def beside(reference: Reference | None, planned: Sequence[PlanRow]) -> Beside:
    """What a reference adds to the planned rows: its rows, where these have image and repeat."""
    if reference is None:
        return Beside(None)
    wanted = frozenset((row.row[:4], row.image, row.repeat) for row in planned)
    rows = tuple(row for matched in reference.beside for row in matched.rows(wanted))
    own = {matched.labels for matched in reference.rows if matched.own}
    return Beside(reference, rows, tuple(row for row in planned if row.row in own))


def held(stored: Record, found: Record) -> Record:
    """A stored record, if what its points come to here is what it says; else one that failed.

    Args:
        found: what was worked out here: objective, starts and images.
    """
    if not found.objective:
        return stored  # scoring failed
    if (off := _furthest(stored, found)) is not None:
        there, here = off
        reason = (
            f"the stored points have another objective here, {here} instead of {there}: the "
            "generator or the loss is not the one that they were made with, or they were changed"
        )
        return Record(
            stored.cell, "failed", reason, notes=stored.notes, environment=stored.environment
        )
    notes = dict.fromkeys([*stored.notes, *_on_starts(stored, found)])
    return replace(stored, objective=found.objective, images=found.images, notes=tuple(notes))


def is_near(there: float | None, here: float | None) -> bool:
    """Whether an objective is what it was, but for rounding; one that is not finite never is."""
    if there is None or here is None:
        return False
    return abs(there - here) <= _NEARLY_NOTHING + _NEAR * abs(there)


def _furthest(stored: Record, found: Record) -> tuple[str, str] | None:
    """The objectives of the first candidate that differ, as stored and as found."""
    if len(stored.objective) != len(found.objective):
        return f"{len(stored.objective)} values", f"{len(found.objective)} values"
    for there, here in zip(stored.objective, found.objective, strict=True):
        if not is_near(there, here):
            return _text(there), _text(here)
    return None


def _text(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.6g}"


def _on_starts(stored: Record, found: Record) -> Iterator[str]:
    """The cell's starts are not kept, only a number of each; here they were drawn again."""
    if not stored.start:
        yield "whether it met the same starts is not known: they were not recorded"
        return
    pairs = zip(stored.start, found.start, strict=False)
    same = len(stored.start) == len(found.start) and all(
        a is not None and b is not None and abs(a - b) <= SAME_START for a, b in pairs
    )
    if not same:
        yield "its starts are not those of here: not paired at the start"


@dataclass(frozen=True)
class Unseen:
    """A watch of the suite's own cells alone."""

    watch: Watch
    hidden: Container[str]

    def cell_started(self, cell: Cell) -> None:
        """See `Watch`."""
        if cell.id not in self.hidden:
            self.watch.cell_started(cell)

    def cell_progress(self, cell: Cell, passes: int, best: float) -> None:
        """See `Watch`."""
        if cell.id not in self.hidden:
            self.watch.cell_progress(cell, passes, best)

    def warn(self, message: str) -> None:
        """See `Watch`."""
        self.watch.warn(message)
