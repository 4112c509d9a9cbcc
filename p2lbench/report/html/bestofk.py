"""The figure of best of k: what more candidates, or repeats, buy."""

from __future__ import annotations

from p2lbench.leaderboard import Leaderboard, Metric, Row, as_text
from p2lbench.report.html import names
from p2lbench.report.html.figure import Figure, Series, Source, Table, View
from p2lbench.report.html.table import shown_metrics
from p2lbench.report.text import plain


def best_of_k(source: Source) -> Figure | None:
    """A view per metric, that of the ranking first."""
    board = source.board
    ordered = sorted(shown_metrics(board), key=lambda metric: metric.name != board.ranked_on)
    views = [view for metric in ordered if (view := _view(board, metric)) is not None]
    if not views:
        return None
    over = sorted({row.best_of_k.over for row in board.rows if row.best_of_k})
    missing = sum(row.best_of_k is None for row in board.rows)
    caption = (
        f"The expected best of k {' or '.join(over)}, without bias, mean over images. An oracle, "
        "as best of N is: no user could choose it without knowing the answer."
    )
    caption += (
        f" {missing} of {len(board.rows)} rows have a single try, and no curve." if missing else ""
    )
    return Figure("best-of-k", "Best of k", caption, views)


def _view(board: Leaderboard, metric: Metric) -> View | None:
    digits = board.digits(metric.name)
    found = [
        (k, row, curve)
        for k, row in enumerate(board.rows)
        if row.best_of_k and (curve := row.best_of_k.curves.get(metric.name))
    ]
    if not found:
        return None
    longest = max(len(curve) for _, _, curve in found)
    series, rows = [], []
    for k, row, curve in found:
        tries = range(1, len(curve) + 1)
        texts = [as_text(value, digits) for value in curve]
        name = names.method(board, row)
        hints = [
            f"{name}: {text}, best of {n} {_over(row)}"
            for n, text in zip(tries, texts, strict=True)
        ]
        series.append(Series(k, list(tries), curve, hints))
        rows.append([name, _over(row), *texts, *["—"] * (longest - len(curve))])
    label = plain(metric.label)
    heads = ["method", "tries", *(f"k = {k}" for k in range(1, longest + 1))]
    table = Table(f"Expected best of k on {label}", heads, rows)
    return View(label, "k", f"{label} ({names.better(metric)})", series, table)


def _over(row: Row) -> str:
    return "" if row.best_of_k is None else row.best_of_k.over
