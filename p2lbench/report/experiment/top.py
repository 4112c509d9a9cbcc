"""Figure 12: the best candidates of each method, as pictures and as bars."""

from __future__ import annotations

import math

from p2lbench.leaderboard import as_text
from p2lbench.record import Record
from p2lbench.report.experiment.byclass import standard_error
from p2lbench.report.experiment.kinds import Bar, Bars, Part, Pictures, Shots
from p2lbench.report.experiment.source import Source
from p2lbench.report.text import count, plain

CANDIDATES = 9  # the paper's
_IMAGES = 6
_METHODS = 4


def top_candidates(source: Source) -> list[Part]:
    """Nothing where no metric ranks the table, or no cell is ok."""
    board = source.board
    if board.ranked_on is None:
        return []
    rows = {row.labels: k for k, row in enumerate(board.rows) if row.cells}
    rows = dict(list(rows.items())[:_METHODS])
    images: dict[str, dict[int, Shots]] = {}
    means: dict[int, list[float]] = {k: [] for k in rows.values()}
    for planned, record in source.store.records():
        k = rows.get(planned.row)
        if k is None or record is None or record.status != "ok" or planned.repeat:
            continue
        order = _order(record)
        images.setdefault(planned.image, {})[k] = _shots(source, k, planned.cell, record, order)
        if board.rows[k].comparable and planned.image in board.rows[k].complete:
            means[k].append(_mean(record, board.ranked_on, order))
    return [*_pictures(source, images), *_bars(source, means)]


def _order(record: Record) -> list[int]:
    """The candidates of lowest objective, which a user could choose, best first."""
    known = [(value, k) for k, value in enumerate(record.objective) if value is not None]
    return [k for _, k in sorted(known)[:CANDIDATES]]


def _mean(record: Record, metric: str, order: list[int]) -> float:
    """Of the candidates; NaN if one has no value, as nothing is averaged around a hole."""
    values = record.metrics.get("original", {}).get(metric, ())
    kept = [values[j] if j < len(values) else None for j in order]
    known = [value for value in kept if value is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(kept) else math.nan


def _shots(source: Source, k: int, cell: str, record: Record, order: list[int]) -> Shots:
    board = source.board
    name = board.ranked_on or ""
    values = record.metrics.get("original", {}).get(name, ())
    digits = board.digits(name)
    texts = ["—" if j >= len(values) or values[j] is None else as_text(values[j] or 0.0, digits)
             for j in order]  # fmt: skip
    label = source.name_of(board.rows[k])
    return Shots(k, label, cell, len(record.objective), order, texts)


def _pictures(source: Source, images: dict[str, dict[int, Shots]]) -> list[Part]:
    if not images:
        return []
    shown = list(images.items())[:_IMAGES]
    metric = source.board.metric(source.board.ranked_on or "")
    return [
        Pictures(
            source.name,
            f"The best {min(CANDIDATES, source.board.suite.candidates)} candidates",
            f"By objective, the best first. Below each: {plain(metric.label)}.",
            images=[(name, [by_row[k] for k in sorted(by_row)]) for name, by_row in shown],
            left_out=len(images) - len(shown),
        )
    ]


def _bars(source: Source, means: dict[int, list[float]]) -> list[Part]:
    board = source.board
    metric = board.metric(board.ranked_on or "")
    digits = board.digits(metric.name)
    bars = []
    for k, values in means.items():
        if values and all(map(math.isfinite, values)):
            mean, error = math.fsum(values) / len(values), standard_error(values)
            name = source.name_of(board.rows[k])
            text = as_text(mean, digits) + ("" if error is None else f" ± {as_text(error, digits)}")
            bars.append(Bar(name, mean, f"{name}: {text}, {count(len(values), 'image')}", error))
    if not bars:
        return []
    return [
        Bars(
            f"{source.name}-bars",
            f"{plain(metric.label)} of these candidates",
            "Mean over them and over images; whiskers are standard errors over images.",
            axis=f"{plain(metric.label)}, {'higher' if metric.higher_is_better else 'lower'} is "
            "better",
            bars=sorted(bars, key=lambda bar: bar.value, reverse=metric.higher_is_better),
        )
    ]
