"""How comparisons with a baseline are headed, printed and explained."""

from __future__ import annotations

from collections.abc import Iterator

from p2lbench.leaderboard import Leaderboard, Row, as_text
from p2lbench.standing import Comparison


def effect_heads(board: Leaderboard) -> list[str]:
    """What stands above the columns, a line for each word."""
    scale = next((one.effect.scale for one in _found(board)), "ratio")
    heads = [scale, "95%\ninterval", "images\nwon", "chance\nbetter"]
    return [*heads, "p\nHolm", ""] if _tested(board) else heads


def effect_cells(board: Leaderboard, row: Row) -> list[str]:
    """A row's columns, without those that no row has."""
    one = row.standing.against
    cells = [_first(board, row), "", "", "", "", ""] if one is None else _cells(board, one)
    return cells if _tested(board) else cells[:4]


def effect_text(board: Leaderboard) -> str:
    """What the columns say."""
    if board.ranked_on is None:
        return ""
    metric, one = board.metric(board.ranked_on), next(_found(board))
    if one.effect.scale == "ratio":
        what = "geometric mean over images; below 1 is less error"
    else:
        what = f"mean over images; {'above' if metric.higher_is_better else 'below'} 0 is better"
    return (
        f"{one.effect.scale}: to {board.suite.baseline} with the same other parts, of selected, "
        f"on {metric.label}, {what}. chance better: on an image and repeat"
    )


def _cells(board: Leaderboard, one: Comparison) -> list[str]:
    effect = one.effect
    tied = f" ({effect.tied} tied)" if effect.tied else ""
    ends = [_number(board, one, end) for end in effect.interval or ()]
    return [
        _number(board, one, effect.value),
        " to ".join(ends) or "—",
        f"{effect.won} of {effect.images}{tied}",
        f"{effect.better:.0%}",
        "—" if one.p_holm is None else _p(one.p_holm),
        one.mark or "",
    ]


def _first(board: Leaderboard, row: Row) -> str:
    return "baseline" if row.labels[4] == board.suite.baseline else "—"


def _number(board: Leaderboard, one: Comparison, value: float) -> str:
    if one.effect.scale == "ratio" or board.ranked_on is None:
        return as_text(value, 3)
    return f"{'+' if value > 0 else ''}{as_text(value, board.digits(board.ranked_on))}"


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _found(board: Leaderboard) -> Iterator[Comparison]:
    return (row.standing.against for row in board.rows if row.standing.against)


def _tested(board: Leaderboard) -> bool:
    return any(one.p is not None for one in _found(board))
