"""Which parts rows use: columns of marks, as in the paper's Table 1."""

from __future__ import annotations

from p2lbench.leaderboard import AXES, Leaderboard

_MOST = 5  # columns of marks that an axis may take


def used(board: Leaderboard, axis: int) -> dict[str, tuple[bool, ...]] | None:
    """A row's name on an axis → whether it uses each of `parts_of(board, axis)`.

    None where marks would not tell the rows apart, or where none of them does without.
    """
    columns = parts_of(board, axis)
    known = board.suite.parts.get(AXES[axis], {})
    labels = {row.labels[axis] for row in board.rows}
    marks = {label: tuple(part in known.get(label, ()) for part in columns) for label in labels}
    if not columns or len(columns) > _MOST or not labels <= known.keys():
        return None
    distinct = len(set(marks.values())) == len(marks)
    return marks if distinct and (False,) * len(columns) in marks.values() else None


def parts_of(board: Leaderboard, axis: int) -> tuple[str, ...]:
    """The names of the parts that some rows use on an axis, and not all."""
    known = board.suite.parts.get(AXES[axis], {})
    labels = dict.fromkeys(row.labels[axis] for row in board.rows)
    lists = [known.get(label, ()) for label in labels]
    names = dict.fromkeys(name for parts in lists for name in parts if name != "none")
    return tuple(name for name in names if not all(name in parts for parts in lists))
