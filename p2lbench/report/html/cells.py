"""What a report needs of the records: one pass over them, each reduced at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from p2lbench.leaderboard import Leaderboard
from p2lbench.plan import PlanRow
from p2lbench.record import Record, Trace
from p2lbench.store import Store

NOT_RUN = "not run yet"
_EVERY = 500  # cells between two words about the progress


@dataclass(frozen=True)
class Cell:
    """A planned cell: `row` is the index of its method in the leaderboard."""

    row: int
    image: str
    repeat: int
    id: str
    status: str
    reason: str = ""


@dataclass
class Found:
    """Of all planned cells, in the plan's order.

    `traces`: row → image → one per repeat, of the images that the row's numbers are over.
    """

    cells: list[Cell] = field(default_factory=list)
    traces: dict[int, dict[str, list[Trace]]] = field(default_factory=dict)

    @property
    def images(self) -> list[str]:
        """Every planned image once."""
        return list(dict.fromkeys(cell.image for cell in self.cells))

    @property
    def statuses(self) -> Counter[str]:
        """How many cells have which status."""
        return Counter(cell.status for cell in self.cells)


def collect(store: Store, board: Leaderboard, say: Callable[[str], None]) -> Found:
    """Reads every record once; `say` is told how far it is. Raises: StoreError."""
    return gathered(store.records(traces=True), board, say)


def gathered(
    records: Iterable[tuple[PlanRow, Record | None]],
    board: Leaderboard,
    say: Callable[[str], None] = lambda text: None,
) -> Found:
    """What `collect` finds; methods that the leaderboard does not have are left out."""
    rows = {row.labels: k for k, row in enumerate(board.rows)}
    found = Found()
    for number, (planned, record) in enumerate(records):
        if number % _EVERY == 0:
            say(f"reading records: {number:,}")
        row = rows.get(planned.row)
        if row is None:
            continue
        status, reason = (NOT_RUN, "") if record is None else (record.status, record.reason)
        cell = Cell(row, planned.image, planned.repeat, planned.cell, status, reason)
        found.cells.append(cell)
        if record is not None and planned.image in board.rows[row].complete:
            images = found.traces.setdefault(row, {})
            images.setdefault(planned.image, []).append(record.trace)
    return found
