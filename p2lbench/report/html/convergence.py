"""The figure of convergence: the best objective so far, over passes and over seconds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from p2lbench.leaderboard import as_text, decimals
from p2lbench.report import curves
from p2lbench.report.curves import Curve, Panel, Spent
from p2lbench.report.html import names
from p2lbench.report.html.figure import Figure, Series, Source, Table, View
from p2lbench.report.text import plain

_COLUMNS = 6  # of the table
_OVER: tuple[Spent, ...] = ("passes", "seconds")


def convergence(source: Source) -> Figure | None:
    """A view per generator and loss, whose objectives do not compare, and unit."""
    panels = _by_panel(source)
    views = []
    for (generator, loss), rows in panels.items():
        for over in _OVER:
            methods = {str(k): source.found.traces[k] for k in rows}
            drawn = curves.panel("", methods, over)
            if drawn.curves:
                title = f"{plain(generator)}, {plain(loss)}: " if len(panels) > 1 else ""
                views.append(_view(source, drawn, f"{title}over {over}", over, plain(loss)))
    if not views:
        return None
    number = source.board.suite.candidates
    caption = (
        f"Solid: mean of the {number} candidates; faint: best of {number}. Averaged over repeats, "
        "then over the images that a row's numbers are over"
    )
    if any(one.kind == "steps" and _rises(one) for view in views for one in view.series):
        caption += f". {_RISES}"
    return Figure("convergence", "Convergence", f"{caption}.", views)


_RISES = (
    "A row with a transform searches in two frames, whose objectives do not compare: its curve "
    "rises where it goes from one to the other, and only its end counts"
)


def _rises(series: Series) -> bool:
    return any(after > before for before, after in pairwise(series.y))


def _by_panel(source: Source) -> dict[tuple[str, str], list[int]]:
    panels: dict[tuple[str, str], list[int]] = {}
    for k, row in enumerate(source.board.rows):
        if k in source.found.traces:
            panels.setdefault((row.labels[0], row.labels[1]), []).append(k)
    return panels


def _view(source: Source, drawn: Panel, name: str, over: Spent, loss: str) -> View:
    average = "geometric mean" if drawn.geometric else "mean"
    unit = "generator passes" if over == "passes" else "seconds"
    return View(
        name=name,
        x=f"{unit} per cell",
        y=f"best objective so far ({loss}), {average} over images",
        series=[one for curve in drawn.curves for one in _series(curve)],
        table=_table(source, drawn.curves, unit),
        logs="xy" if drawn.geometric else "x",
    )


def _series(curve: Curve) -> list[Series]:
    row = int(curve.label)
    return [
        Series(row, curve.spent.tolist(), values.tolist(), kind="steps", faint=faint)
        for values, faint in ((curve.mean, False), (curve.best, True))
    ]


def _table(source: Source, drawn: Sequence[Curve], unit: str) -> Table:
    """The mean of the candidates, as it stood after so much was spent."""
    ends = [curve.spent[k] for curve in drawn for k in (0, -1) if curve.spent[k] > 0]
    low, high = (min(ends), max(ends)) if ends else (1.0, 1.0)
    columns = [float(f"{x:.2g}") for x in np.geomspace(low, high, _COLUMNS)]
    columns[-1] = high
    digits = decimals(float(curve.mean[-1]) for curve in drawn)
    rows = []
    for curve in drawn:
        at = np.searchsorted(curve.spent, columns, side="right") - 1
        texts = ["—" if k < 0 else as_text(float(curve.mean[k]), digits) for k in at]
        best = as_text(float(curve.best[-1]), digits)
        name = names.method(source.board, source.board.rows[int(curve.label)])
        rows.append([name, *texts, best])
    heads = ["method", *(f"{x:,.4g}" for x in columns), "best at the end"]
    return Table(f"Best objective so far, mean of the candidates, after {unit}", heads, rows)
