"""The figures of what is solved: targets reached, by passes, and performance profiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from p2lbench.leaderboard import Leaderboard
from p2lbench.report.html import names
from p2lbench.report.html.figure import Figure, Series, Source, Table, View
from p2lbench.report.shares import Chart, profile_charts, runtime_charts
from p2lbench.report.text import plain

_COLUMNS = 6  # of a table


def targets_reached(source: Source) -> Figure | None:
    """A view for each set of the suite's targets; None without targets."""
    targets = source.board.suite.targets
    if targets is None:
        return None
    caption = (
        f"Of all images, repeats and their {targets.levels} targets, the share that was reached by "
        "then. A cell that is not ok has reached nothing."
    )
    return _figure(
        source.board, "targets", "Targets reached", caption, runtime_charts(source.board)
    )


def performance_profiles(source: Source) -> Figure | None:
    """A view for errors, and one for passes where there are targets; None for a single row."""
    if len(source.board.rows) < 2:
        return None
    caption = (
        "The share on which a row is within a factor of the best row there: at 1 where it is "
        "itself the best, further right how far off it is. Dolan and Moré (2002)."
    )
    charts = profile_charts(source.board)
    return _figure(source.board, "profiles", "Performance profiles", caption, charts)


def _figure(
    board: Leaderboard, key: str, title: str, caption: str, charts: Sequence[Chart]
) -> Figure | None:
    views = [_view(board, chart) for chart in charts if chart.curves]
    return Figure(key, title, caption, views) if views else None


def _view(board: Leaderboard, chart: Chart) -> View:
    x = plain(chart.x_label) + (f" ({plain(chart.note)})" if chart.note else "")
    series = [
        Series(one.row, one.x.tolist(), one.share.tolist(), kind="steps") for one in chart.curves
    ]
    label, title = plain(chart.y_label), plain(chart.title)
    return View(title, x, label, series, _table(board, chart), logs="x", share=True)


def _table(board: Leaderboard, chart: Chart) -> Table:
    """The share at factors, or passes, that are evenly apart on the axis."""
    end = max(float(one.x[-1]) for one in chart.curves)
    columns = [float(f"{x:.2g}") for x in np.geomspace(1, end, _COLUMNS)[:-1]] + [end]
    rows = []
    for one in chart.curves:
        at = np.searchsorted(one.x, columns, side="right") - 1
        name = names.method(board, board.rows[one.row])
        rows.append([name, *(f"{one.share[k]:.0%}" for k in at)])
    heads = ["method", *(f"{x:,.4g}" for x in columns)]
    return Table(
        f"{plain(chart.title)}: {plain(chart.y_label)}, by {plain(chart.x_label)}", heads, rows
    )
