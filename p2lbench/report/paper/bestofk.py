"""The expected best of k tries."""

from __future__ import annotations

from pathlib import Path

from p2lbench.leaderboard import Leaderboard, Row
from p2lbench.report.figures import row_label
from p2lbench.report.paper import style


def draw(path: Path, board: Leaderboard, width: style.Width) -> str | None:
    """Curves on the metric that ranks. A text if there is nothing to draw: why.

    Raises: OSError.
    """
    from matplotlib.ticker import MaxNLocator

    name = board.ranked_on
    found = (
        []
        if name is None
        else [(k, row, c) for k, row in enumerate(board.rows) if (c := _curve(row, name))]
    )
    if name is None or not found:
        return "no row has several tries that are independent of each other"
    metric = board.metric(name)
    names = [_name(board, row) for _, row, _ in found]
    height = 0.62 * style.INCHES[width] if width == "column" else 3.2
    with style.figure(path, width, height + style.legend_lines(names, width)) as figure:
        axes = figure.subplots()
        handles = []
        for k, _, curve in found[: style.MAX_METHODS]:
            look = style.look(k)
            (line,) = axes.plot(
                range(1, len(curve) + 1),
                curve,
                color=look.colour,
                linestyle=look.dash,
                marker=look.marker,
                markersize=4,
                markevery=max(1, len(curve) // 8),
                markeredgecolor="white",
                markeredgewidth=0.4,
            )
            handles.append(line)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        arrow = "higher" if metric.higher_is_better else "lower"
        style.said(axes, "tries k", metric.label, f"best of k, {arrow} is better")
        style.legend_below(figure, width, handles, names[: style.MAX_METHODS])
    return None


def _curve(row: Row, metric: str) -> tuple[float, ...] | None:
    return None if row.best_of_k is None else row.best_of_k.curves[metric]


def _name(board: Leaderboard, row: Row) -> str:
    """Says what a try is where it is not a candidate."""
    whole = row.best_of_k is not None and row.best_of_k.over == "repeats"
    return row_label(board, row) + (" (of repeats)" if whole else "")
