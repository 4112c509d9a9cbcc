"""Convergence: the best objective so far, mean over candidates, against passes or seconds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from p2lbench.report.curves import Panel, Spent
from p2lbench.report.paper import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from p2lbench.report.curves import Curve

_LABELS: dict[Spent, str] = {
    "passes": "generator passes per image (all candidates)",
    "seconds": "seconds per image (all candidates)",
}


def draw(path: Path, panel: Panel, over: Spent, width: style.Width) -> None:
    """One panel; the first MAX_METHODS methods. Raises: OSError."""
    curves = panel.curves[: style.MAX_METHODS]
    names = [curve.label for curve in curves]
    height = 0.62 * style.INCHES[width] if width == "column" else 3.2
    with style.figure(path, width, height + style.legend_lines(names, width)) as figure:
        axes = figure.subplots()
        handles = [_line(axes, curve, k) for k, curve in enumerate(curves)]
        axes.set_xscale("log")
        if panel.geometric:
            axes.set_yscale("log")
        style.said(axes, _LABELS[over], "best objective so far", "(mean over candidates)")
        style.plain_ticks(axes)
        style.legend_below(figure, width, handles, names)


def _line(axes: Axes, curve: Curve, k: int) -> Line2D:
    """With its marker at the end, where a method's budget is spent, and at a few other places."""
    look = style.look(k)
    count = len(curve.spent)
    every = max(1, count // 4)
    places = sorted({*range(min(k * every // 7, count - 1), count, every), count - 1})
    (line,) = axes.plot(
        curve.spent,
        curve.mean,
        drawstyle="steps-post",
        color=look.colour,
        linestyle=look.dash,
        marker=look.marker,
        markersize=4,
        markevery=places,
        markeredgecolor="white",
        markeredgewidth=0.4,
    )
    return line
