"""Figure 17: the error by the number of CMA's updates and of Adam's after each."""

from __future__ import annotations

from collections.abc import Mapping

from p2lbench.experiments.figures import beside_steps, steps_of
from p2lbench.leaderboard import Row, as_text
from p2lbench.report.experiment.kinds import HeatMap, Part
from p2lbench.report.experiment.source import Source
from p2lbench.report.text import plain

_Rows = Mapping[tuple[int, int], Row]


def step_map(source: Source) -> list[Part]:
    """Of rows over the same images, a map for those that differ in their steps alone. Nothing where
    none tells its steps, or nothing is ranked."""
    board = source.board
    if board.ranked_on is None:
        return []
    groups: dict[str, dict[tuple[int, int], Row]] = {}
    for row, entry in zip(board.rows, source.entries, strict=True):
        if row.comparable and (steps := steps_of(entry)):
            groups.setdefault(beside_steps(entry), {}).setdefault(steps, row)
    several = len(groups) > 1
    return [_map(source, k, rows, several) for k, rows in enumerate(groups.values())]


def _map(source: Source, k: int, rows: _Rows, several: bool) -> HeatMap:
    board, name = source.board, source.board.ranked_on or ""
    metric, digits = board.metric(name), board.digits(name)
    xs, ys = (sorted({steps[axis] for steps in rows}) for axis in (0, 1))
    grid = [[rows.get((x, y)) for x in xs] for y in ys]
    values = [[None if row is None else row.mean[name] for row in line] for line in grid]
    of = f", rows like {source.name_of(next(iter(rows.values())))}" if several else ""
    return HeatMap(
        f"{source.name}-{k + 1}" if several else source.name,
        f"{plain(metric.label)} by updates{of}",
        "Mean of the candidates, over images. Blue is best, red worst. Cells on a diagonal "
        "from top left to bottom right take about as many steps.",
        x="CMA updates",
        y="Adam updates after each",
        metric=plain(metric.label),
        xs=xs,
        ys=ys,
        values=values,
        texts=[["" if v is None else as_text(v, digits) for v in line] for line in values],
        higher=metric.higher_is_better,
    )
