"""Figure 17: the error by the number of CMA's updates and of Adam's after each."""

from __future__ import annotations

from p2lbench.experiments.figures import steps_of
from p2lbench.leaderboard import Row, as_text
from p2lbench.report.experiment.kinds import HeatMap, Part
from p2lbench.report.experiment.source import Source
from p2lbench.report.text import plain


def step_map(source: Source) -> list[Part]:
    """Of rows over the same images. Nothing where none tells its steps, or nothing is ranked."""
    board = source.board
    rows: dict[tuple[int, int], Row] = {}
    for row, entry in zip(board.rows, source.entries, strict=True):
        if row.comparable and (steps := steps_of(entry)):
            rows.setdefault(steps, row)
    if board.ranked_on is None or not rows:
        return []
    metric, digits = board.metric(board.ranked_on), board.digits(board.ranked_on)
    xs, ys = (sorted({steps[k] for steps in rows}) for k in (0, 1))
    grid = [[rows.get((x, y)) for x in xs] for y in ys]
    values = [[None if row is None else row.mean[metric.name] for row in line] for line in grid]
    return [
        HeatMap(
            source.name,
            f"{plain(metric.label)} by updates",
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
    ]
