"""Error against cost, the front joined by a line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2lbench.leaderboard import Leaderboard, Row
from p2lbench.report.figures import row_label
from p2lbench.report.paper import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ALIKE = 0.1  # share of the cost, below which rows cost about as much
_WIDE = 3  # from this factor between the axis' ends on it is logarithmic


def draw(path: Path, board: Leaderboard, width: style.Width) -> str | None:
    """The rows that have a rank, of selected. A text if there is nothing to draw: why.

    Raises: OSError.
    """
    name = board.ranked_on
    rows = [row for row in board.rows if row.standing.on_front is not None][: style.MAX_METHODS]
    if name is None or not rows:
        return "no row has a rank"
    metric = board.metric(name)
    points = [(float(row.passes or 0), float(row.selected[name] or 0)) for row in rows]
    names = [row_label(board, row) for row in rows]
    height = 0.62 * style.INCHES[width] if width == "column" else 3.2
    with style.figure(path, width, height + style.legend_lines(names, width)) as figure:
        axes = figure.subplots()
        handles = [
            _point(axes, point, k, row)
            for k, (point, row) in enumerate(zip(points, rows, strict=True))
        ]
        _front(axes, [p for p, row in zip(points, rows, strict=True) if row.standing.on_front])
        _scales(axes, points)
        arrow = "higher" if metric.higher_is_better else "lower"
        style.said(axes, "generator passes per image", metric.label, f"selected, {arrow} is better")
        style.legend_below(figure, width, handles, names)
    return None


def _point(axes: Axes, point: tuple[float, float], k: int, row: Row) -> Any:
    """Filled on the front."""
    look = style.look(k)
    face = look.colour if row.standing.on_front else "white"
    (handle,) = axes.plot(
        *point,
        linestyle="none",
        marker=look.marker,
        markersize=6,
        color=look.colour,
        markerfacecolor=face,
        markeredgewidth=1.1,
        zorder=3,
        clip_on=False,
    )
    return handle


def _front(axes: Axes, points: list[tuple[float, float]]) -> None:
    x, y = zip(*sorted(points), strict=True)
    axes.plot(x, y, drawstyle="steps-post", color="#888888", linewidth=0.8, zorder=2)


def _scales(axes: Axes, points: list[tuple[float, float]]) -> None:
    for setter, values in zip(
        (axes.set_xscale, axes.set_yscale), zip(*points, strict=True), strict=True
    ):
        if min(values) > 0 and max(values) / min(values) > _WIDE:
            setter("log")
    axes.margins(0.12)
    fewest, most = min(x for x, _ in points), max(x for x, _ in points)
    if most - fewest < _ALIKE * most:  # a step's difference would look like one of the cost
        axes.set_xlim((1 - _ALIKE) * fewest, (1 + _ALIKE) * most)
    style.plain_ticks(axes)
