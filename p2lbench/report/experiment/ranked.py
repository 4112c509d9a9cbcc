"""Figures 14 and 15: the best objective so far by passes, methods sorted by where they end."""

from __future__ import annotations

from dataclasses import replace

from p2lbench.report.curves import Curve, Panel
from p2lbench.report.experiment.kinds import Curves, Part, Ranked
from p2lbench.report.experiment.source import Source
from p2lbench.report.figures import convergence
from p2lbench.report.text import plain


def ranked(source: Source) -> list[Part]:
    """A figure per generator and loss, whose objectives do not compare; of rows over the same
    images."""
    board = replace(source.board, rows=tuple(row for row in source.board.rows if row.comparable))
    panels = [panel for panel in convergence(source.store, board) if panel.curves]
    several = len(panels) > 1
    return [_curves(source, k, panel, several) for k, panel in enumerate(panels)]


def _curves(source: Source, k: int, panel: Panel, several: bool) -> Curves:
    order = sorted(panel.curves, key=lambda curve: float(curve.mean[-1]))
    average = "geometric mean" if panel.geometric else "mean"
    return Curves(
        f"{source.name}-{k + 1}" if several else source.name,
        "Best objective by passes" + (f", {plain(panel.title)}" if several else ""),
        f"Mean of the {source.board.suite.candidates} candidates, {average} over images. Sorted "
        "and coloured by where methods end, from blue, the best, to red.",
        x="generator passes per cell",
        y="best objective so far",
        curves=[_curve(curve, j, len(order)) for j, curve in enumerate(order)],
        log=panel.geometric,
    )


def _curve(curve: Curve, j: int, count: int) -> Ranked:
    place = j / (count - 1) if count > 1 else 0.0
    return Ranked(plain(curve.label), curve.spent.tolist(), curve.mean.tolist(), place)
