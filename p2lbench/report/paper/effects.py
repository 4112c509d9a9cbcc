"""Effects against the baseline with their intervals: a forest plot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from p2lbench.leaderboard import Leaderboard
from p2lbench.report.figures import row_label
from p2lbench.report.paper import style
from p2lbench.report.text import shorten
from p2lbench.standing import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINE, _TWO_LINES = 0.21, 0.3  # inches for a row
_MOST = 40


def draw(path: Path, board: Leaderboard, width: style.Width) -> str | None:
    """A line per row that is compared, best-ranked on top. A text if there is none: why.

    Raises: OSError.
    """
    rows = [(row, one) for row in board.rows if (one := row.standing.against)][:_MOST]
    if not rows or board.ranked_on is None:
        return "no row is compared to a baseline: name one in the suite (baseline:)"
    metric = board.metric(board.ranked_on)
    letters = 22 if width == "column" else 48
    names = [_name(row_label(board, row), letters) for row, _ in rows]
    line = _TWO_LINES if any("\n" in name for name in names) else _LINE
    with style.figure(path, width, 0.85 + line * len(rows)) as figure:
        axes = figure.subplots()
        for y, (_, one) in enumerate(rows):
            _effect(axes, y, one)
        _axis(axes, [one for _, one in rows])
        axes.set_yticks(range(len(rows)))
        axes.set_yticklabels(names, parse_math=False)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        scale = rows[0][1].effect.scale
        lines = (metric.label, f"{scale} to {board.suite.baseline}, 95% interval")
        axes.set_xlabel("\n".join(shorten(line, 44) for line in lines), parse_math=False)
    return None


def _name(label: str, letters: int) -> str:
    """In two lines if one is too short for it."""
    parts = [label] if len(label) <= letters else label.split(" · ", 1)
    return "\n".join(shorten(part, letters) for part in parts)


def _effect(axes: Axes, y: int, one: Comparison) -> None:
    """Filled where it is called better or worse."""
    low, high = one.effect.interval or (one.effect.value, one.effect.value)
    colour = {"better": "#0072B2", "worse": "#D55E00", None: "#555555"}[one.mark]
    axes.plot([low, high], [y, y], color=colour, linewidth=1.4, solid_capstyle="butt", zorder=2)
    marker = {"better": "<", "worse": ">", None: "o"}[one.mark]
    face = colour if one.mark else "white"
    axes.plot(
        one.effect.value, y, marker, color=colour, markersize=5, markerfacecolor=face, zorder=3
    )
    axes.annotate(
        f"{one.effect.won}/{one.effect.images}",
        (1.01, y),
        xycoords=("axes fraction", "data"),
        va="center",
        fontsize=6.5,
        annotation_clip=False,
    )


def _axis(axes: Axes, found: list[Comparison]) -> None:
    """No difference in the middle; ratios on a logarithmic axis."""
    ratio = found[0].effect.scale == "ratio"
    axes.axvline(1 if ratio else 0, color="black", linewidth=0.7, zorder=1)
    if ratio:
        axes.set_xscale("log")
        style.plain_ticks(axes)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_title("images won", loc="right", fontsize=6.5, color="#444444")
