"""The leaderboard as the cells of an HTML table: texts, and numbers to sort by."""

from __future__ import annotations

from dataclasses import dataclass

from p2lbench.leaderboard import AXES, STATISTICS, Leaderboard, Metric, Row, Statistic, as_text
from p2lbench.reference.told import SIGN
from p2lbench.report.diagnostics import DIAGNOSTIC_HEADS, DIAGNOSTIC_TEXTS, shown
from p2lbench.report.effects import effect_cells, effect_heads
from p2lbench.report.html import names
from p2lbench.report.text import plain


@dataclass(frozen=True)
class Number:
    """A number as printed; `value`: to sort by, None last. `place`: 1 is best of its column.

    `below`: its interval, or what else stands below it.
    """

    text: str
    value: float | None = None
    place: int | None = None
    below: str = ""


@dataclass(frozen=True)
class Head:
    """A column: what stands above it, what that means; `first`: how it is sorted at first."""

    text: str
    meaning: str
    first: str = "ascending"
    name: str = ""
    ranks: bool = False


@dataclass(frozen=True)
class Line:
    """A row of the table; `axes`: the values by which it is filtered, in the order of AXES."""

    rank: Number
    name: str
    parts: list[tuple[str, str]]
    axes: list[str]
    settings: str
    coverage: str
    partial: bool
    baseline: bool
    front: bool
    metrics: list[dict[Statistic, Number]]
    effects: list[Number]
    mark: str
    spent: list[Number]


def shown_metrics(board: Leaderboard) -> list[Metric]:
    """Those that some row has a value of; all if there is none (the notes say why)."""
    some = [m for m in board.metrics if any(row.selected[m.name] is not None for row in board.rows)]
    return some or list(board.metrics)


def metric_heads(board: Leaderboard) -> list[Head]:
    """The columns of metrics."""
    return [_metric_head(board, metric) for metric in shown_metrics(board)]


def effect_columns(board: Leaderboard) -> list[Head]:
    """The columns against the baseline, without that of the marks; none if nothing is compared."""
    if not board.shows_effects:
        return []
    return [Head(head.replace("\n", " "), "") for head in effect_heads(board) if head]


def spent_heads() -> list[Head]:
    """The last columns."""
    return [
        Head("passes", "images through the generator per cell, forward and backward"),
        Head("seconds", "per cell"),
        Head("images", "complete ones, which the numbers are over", "descending"),
        Head("missing", "planned cells that are not ok"),
    ]


def lines(board: Leaderboard) -> list[Line]:
    """The rows, in the order of the ranking."""
    metrics = shown_metrics(board)
    places = {m.name: {kind: board.places(kind, m.name) for kind in STATISTICS} for m in metrics}
    tied = [row.rank for row in board.rows]
    made = []
    for k, row in enumerate(board.rows):
        numbers = [
            {kind: _number(board, row, kind, m, places[m.name][kind].get(k)) for kind in STATISTICS}
            for m in metrics
        ]
        made.append(_line(board, row, numbers, tied.count(row.rank) > 1))
    return made


def diagnostics(board: Leaderboard) -> list[tuple[Head, list[Number]]]:
    """The columns of a second table, of the selected candidates; empty if they do not matter."""
    if not board.shows_diagnostics:
        return []
    return [
        (
            Head(DIAGNOSTIC_HEADS[name].replace("\n", " "), DIAGNOSTIC_TEXTS[name]),
            [
                Number(shown(row, name), row.diagnostics.get(name, (None, None))[1])
                for row in board.rows
            ],
        )
        for name in board.diagnostics
    ]


def _metric_head(board: Leaderboard, metric: Metric) -> Head:
    ranks = metric.name == board.ranked_on
    meaning = [names.better(metric)]
    meaning += ["some method optimised it"] if metric.name in board.optimised else ["held out"]
    meaning += ["the table is ranked on it"] if ranks else []
    return Head(
        f"{plain(metric.label)}\N{NO-BREAK SPACE}{names.arrow(metric)}",
        "; ".join(meaning),
        "descending" if metric.higher_is_better else "ascending",
        metric.name,
        ranks,
    )


def _number(
    board: Leaderboard, row: Row, kind: Statistic, metric: Metric, place: int | None
) -> Number:
    value = row.value(kind, metric.name)
    if value is None:
        return Number("—")
    digits = board.digits(metric.name)
    ends = row.ci[metric.name] if kind == "mean" else None
    below = "" if ends is None else " to ".join(as_text(end, digits) for end in ends)
    return Number(as_text(value, digits), value, place, below)


def _line(board: Leaderboard, row: Row, numbers: list[dict[Statistic, Number]], tied: bool) -> Line:
    against = row.standing.against
    compared = effect_cells(board, row) if board.shows_effects else []
    sign = f" {SIGN}" if board.told(row) else ""
    return Line(
        rank=_rank(row, tied),
        name=plain(row.labels[AXES.index("optimizer")]) + sign,
        parts=names.parts(board, row),
        axes=[plain(label) for label in row.labels],
        settings=(row.settings or "") if board.shows_settings else "",
        coverage=f"{len(row.complete)} of {row.planned} images" if row.partial else "",
        partial=row.partial,
        baseline=board.shows_effects and row.labels[4] == board.suite.baseline,
        front=bool(row.standing.on_front),
        metrics=numbers,
        effects=_effects(row, compared),
        mark="" if against is None else against.mark or "",
        spent=_spent(row),
    )


def _rank(row: Row, tied: bool) -> Number:
    if row.rank is None:
        return Number("—")
    low, high = row.standing.ranks or (row.rank, row.rank)
    return Number(
        f"{row.rank}{'=' if tied else ''}", row.rank, None, "" if low == high else f"{low}–{high}"
    )


def _effects(row: Row, texts: list[str]) -> list[Number]:
    """The texts that other formats print, with numbers to sort by."""
    one = row.standing.against
    if one is None:
        return [Number(text) for text in texts[:5]]
    effect = one.effect
    low = None if effect.interval is None else effect.interval[0]
    values = [effect.value, low, effect.won, effect.better, one.p_holm]
    return [Number(text, value) for text, value in zip(texts[:5], values, strict=False)]


def _spent(row: Row) -> list[Number]:
    return [
        Number("—" if row.passes is None else f"{row.passes:,.0f}", row.passes),
        Number("—" if row.seconds is None else f"{row.seconds:,.1f}", row.seconds),
        Number(str(len(row.complete)), len(row.complete)),
        Number(str(row.missing), row.missing),
    ]
