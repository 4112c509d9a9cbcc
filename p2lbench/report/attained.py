"""How passes to targets are headed, printed and explained."""

from __future__ import annotations

from p2lbench.leaderboard import Leaderboard, Row
from p2lbench.runtimes import Attained

CSV_HEADS = ("targets_rank", "targets_reached", "targets_low", "targets_high", "targets_area")


def attained_heads(board: Leaderboard) -> list[str]:
    """What stands above the columns, a line for each word."""
    levels = [f"passes\nto {level + 1}\nof {_levels(board)}" for level in _shown(board)]
    heads = ["place", "targets\nreached", "95%\ninterval", *levels]
    return [*heads, "complete\nimages"] if _some_missing(board) else heads


def attained_cells(board: Leaderboard, row: Row) -> list[str]:
    """A row's columns."""
    one = row.runtimes
    if one is None:
        return ["—"] * len(attained_heads(board))
    ends = "—" if one.every.interval is None else "{:.0%} to {:.0%}".format(*one.every.interval)
    passes = [_passes(one.every, level) for level in _shown(board)]
    cells = [str(one.rank), f"{one.every.reached:.0%}", ends, *passes]
    complete = "—" if one.complete is None else f"{one.complete.reached:.0%}"
    return [*cells, complete] if _some_missing(board) else cells


def attained_text(board: Leaderboard) -> str:
    """What the columns say."""
    beside = "; complete images: the same share over the row's complete images alone"
    return (
        f"targets reached: of {_levels(board)} frozen targets per image, from what samples of the "
        "generator reach (1) to the best known; cells that failed reached none. passes to a "
        "target: of all cells, per cell that reaches it. place: by the area below the curve of "
        "targets reached over log passes, among rows with the same targets"
        f"{beside if _some_missing(board) else ''}"
    )


def attained_csv(row: Row) -> list[float | None]:
    """In the order of CSV_HEADS."""
    one = row.runtimes
    if one is None:
        return [None] * len(CSV_HEADS)
    return [one.rank, one.every.reached, *(one.every.interval or (None, None)), one.area]


def _levels(board: Leaderboard) -> int:
    return 0 if board.suite.targets is None else board.suite.targets.levels


def _shown(board: Leaderboard) -> list[int]:
    """The target in the middle, the one before the best known, and that itself; from 0."""
    last = _levels(board) - 1
    return sorted({last // 2, max(0, last - 1), last})


def _passes(attained: Attained, level: int) -> str:
    value = attained.expected[level]
    return "never" if value is None else f"{value:,.0f}"


def _some_missing(board: Leaderboard) -> bool:
    found = [row.runtimes for row in board.rows if row.runtimes is not None]
    return any(one.complete is None or one.complete.runs < one.every.runs for one in found)
