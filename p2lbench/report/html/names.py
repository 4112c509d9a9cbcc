"""How a report calls things."""

from __future__ import annotations

import unicodedata

from p2lbench.leaderboard import AXES, Leaderboard, Metric, Row
from p2lbench.report.text import plain


def method(board: Leaderboard, row: Row) -> str:
    """A row by the axes that vary, the optimizer first."""
    return " · ".join(plain(row.labels[k]) for k in reversed(board.varying))


def parts(board: Leaderboard, row: Row) -> list[tuple[str, str]]:
    """(axis, name) of what else than the optimizer tells a row from others."""
    return [(AXES[k], plain(row.labels[k])) for k in board.varying if k != 4]


def arrow(metric: Metric) -> str:
    """Which way is better."""
    return "↑" if metric.higher_is_better else "↓"


def better(metric: Metric) -> str:
    """The same in words."""
    return "higher is better" if metric.higher_is_better else "lower is better"


def block(text: str) -> str:
    """Text of many lines: its spaces stay, what is invisible or controls a terminal does not."""
    kept = []
    for char in text.replace("\r\n", "\n").expandtabs():
        category = unicodedata.category(char)
        if char == "\n" or category not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            kept.append(char)
        elif category == "Cs":
            kept.append("\N{REPLACEMENT CHARACTER}")
    return "".join(kept)
