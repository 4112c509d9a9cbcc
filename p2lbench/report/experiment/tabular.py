"""The paper's tables: averages over the candidates and the best of them, marks for the parts."""

from __future__ import annotations

from collections.abc import Sequence

from p2lbench.experiments.errors import Statistic
from p2lbench.experiments.model import METRICS, PaperRow
from p2lbench.leaderboard import AXES, Metric, as_text
from p2lbench.report.experiment.kinds import Line, Number, Part, Tabular
from p2lbench.report.experiment.source import Source
from p2lbench.report.text import plain
from p2lbench.report.used import parts_of, used

_OPTIMIZER = 4


def both(source: Source) -> list[Part]:
    """As in Table 1: the average and the best."""
    return _table(source, ("mean", "best"))


def best(source: Source) -> list[Part]:
    """As in Tables 2 and 3: the best of N."""
    return _table(source, ("best",))


def _table(source: Source, kinds: Sequence[Statistic]) -> list[Part]:
    board = source.board
    metrics = [
        metric
        for metric in board.metrics
        if any(row.value(kind, metric.name) is not None for row in board.rows for kind in kinds)
    ]
    if not metrics:
        return []
    named, marked = _axes(source)
    names = {"mean": "Average", "best": "Best"}
    arrows = [f"{plain(m.label)} {'↑' if m.higher_is_better else '↓'}" for m in metrics]
    count = board.suite.candidates
    return [
        Tabular(
            source.name,
            source.experiment.title,
            "Inside the mask, in the original frame; over repeats, then images. Bold: best of "
            "the rows that have all images.",
            heads=[AXES[k] for k in named],
            ticks=[plain(part) for k in marked for part in parts_of(board, k)],
            groups=[(f"{names[kind]} of {count} candidates", len(metrics)) for kind in kinds],
            columns=arrows * len(kinds),
            lines=[_line(source, k, metrics, kinds) for k in _order(source)],
        )
    ]


def _axes(source: Source) -> tuple[list[int], dict[int, dict[str, tuple[bool, ...]]]]:
    """The axes that are told by names, the optimizer first, and those told by marks."""
    board = source.board
    marks = {k: found for k in board.varying if k != _OPTIMIZER and (found := used(board, k))}
    return [k for k in reversed(board.varying) if k not in marks], marks


def _order(source: Source) -> list[int]:
    """The paper's rows in its order, then others as they rank."""
    rows = source.experiment.rows
    order = {one.name: k for k, one in enumerate(rows)}

    def place(k: int) -> tuple[int, int]:
        found = source.of_paper(source.board.rows[k])
        return (len(rows) if found is None else order[found.name], k)

    return sorted(range(len(source.board.rows)), key=place)


def _line(source: Source, k: int, metrics: Sequence[Metric], kinds: Sequence[Statistic]) -> Line:
    row = source.board.rows[k]
    named, marked = _axes(source)
    paper = None if source.unlike(row) else source.of_paper(row)
    dagger = "†" if row.partial else ""
    names = [plain(row.labels[axis]) + dagger * (axis == _OPTIMIZER) for axis in named]
    ticks = [tick for axis, marks in marked.items() for tick in marks[row.labels[axis]]]
    numbers = [_number(source, k, kind, metric, paper) for kind in kinds for metric in metrics]
    return Line(names, ticks, numbers)


def _number(
    source: Source, k: int, kind: Statistic, metric: Metric, paper: PaperRow | None
) -> Number:
    board = source.board
    value = board.rows[k].value(kind, metric.name)
    if value is None:
        return Number("—")
    place = board.places(kind, metric.name).get(k)
    return Number(
        as_text(value, board.digits(metric.name)), place == 1, _papers(paper, kind, metric.name)
    )


def _papers(paper: PaperRow | None, kind: Statistic, metric: str) -> str:
    numbers = None if paper is None else (paper.mean if kind == "mean" else paper.best)
    if numbers is None or metric not in METRICS:
        return ""
    return f"{numbers[METRICS.index(metric)]:.2f}"
