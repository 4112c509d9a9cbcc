"""Cells that are not ok, by status and reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from p2lbench.leaderboard import Leaderboard
from p2lbench.report.html import names
from p2lbench.report.html.cells import Found
from p2lbench.report.text import plain

MOST = 50  # cells named in a group
_ORDER = ("failed", "timeout", "diverged", "not run yet", "skipped")


@dataclass(frozen=True)
class Group:
    """Cells that share a status and a reason: (method, image, repeat) of the first MOST."""

    status: str
    reason: str
    count: int
    cells: Sequence[tuple[str, str, int]]

    @property
    def more(self) -> int:
        """How many are not named."""
        return self.count - len(self.cells)


def groups(board: Leaderboard, found: Found) -> list[Group]:
    """The gravest status first, then the commonest reason."""
    sorted_out: dict[tuple[str, str], list[tuple[str, str, int]]] = {}
    for cell in found.cells:
        if cell.status != "ok":
            row = board.rows[cell.row]
            named = (names.method(board, row), plain(cell.image), cell.repeat + 1)
            sorted_out.setdefault((cell.status, names.block(cell.reason).strip()), []).append(named)
    made = [Group(*key, len(cells), cells[:MOST]) for key, cells in sorted_out.items()]
    return sorted(made, key=lambda group: (_grave(group.status), -group.count, group.reason))


def _grave(status: str) -> int:
    return _ORDER.index(status) if status in _ORDER else -1
