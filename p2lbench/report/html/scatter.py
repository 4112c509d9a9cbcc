"""The figure of cost and error: the rows that have less error for fewer passes."""

from __future__ import annotations

from p2lbench.leaderboard import as_text
from p2lbench.report.html import names
from p2lbench.report.html.figure import Figure, Series, Source, Table, View
from p2lbench.report.text import plain


def cost_and_error(source: Source) -> Figure | None:
    """The metric that the table is ranked on against the passes."""
    board = source.board
    if board.ranked_on is None:
        return None
    metric, digits = board.metric(board.ranked_on), board.digits(board.ranked_on)
    points = [
        (k, row, row.passes, value)
        for k, row in enumerate(board.rows)
        if row.rank is not None
        and row.passes is not None
        and (value := row.selected[metric.name]) is not None
    ]
    series, rows = [], []
    for k, row, passes, value in points:
        best = bool(row.standing.on_front)
        name, number = names.method(board, row), as_text(value, digits)
        text = f"{name}: {number} for {passes:,.0f} passes"
        series.append(Series(k, [passes], [value], [text], "points", strong=best, label=name))
        rows.append([name, f"{passes:,.0f}", number, "front" if best else ""])
    label = plain(metric.label)
    table = Table(f"Passes and {label}", ["method", "passes", label, ""], rows)
    if not points:
        return None
    error = f"{label} of selected ({names.better(metric)})"
    logs = _logs([p[2] for p in points], "x") + _logs([p[3] for p in points], "y")
    front = [point for point in sorted(series, key=lambda one: one.x[0]) if point.strong]
    path = Series(None, [p.x[0] for p in front], [p.y[0] for p in front], faint=True)
    view = View("", "generator passes per cell", error, [path, *series], table, logs, zero=True)
    caption = "Filled: on the front, where no other row has less error for as few passes"
    return Figure(
        "cost", "Error against passes", f"{caption}. Rows without a rank are left out.", [view]
    )


def _logs(values: list[float], axis: str) -> str:
    """The axis, if its values span more than a linear one shows."""
    return axis if min(values) > 0 and max(values) > 20 * min(values) else ""
