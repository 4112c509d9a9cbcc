"""What claims are checked on: each cell's error over its candidates, and its seconds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from p2lbench.record import Record
from p2lbench.rows import MEAN, Metric, reduce
from p2lbench.store import PlanRow

Statistic = Literal["mean", "best"]
SECONDS = Metric("seconds", "seconds")
Cells = dict[str, dict[int, float]]  # image → repeat → value
_LINES: Mapping[Statistic, int] = {"mean": MEAN, "best": MEAN + 1}  # of `CellNumbers.numbers`
Labels = tuple[str, str, str, str, str]


@dataclass
class Errors:
    """Of every cell that is ok; `metrics` as the folder has them."""

    metrics: Sequence[Metric]
    values: dict[tuple[Labels, str, Statistic], Cells] = field(default_factory=dict)

    def of(self, labels: Labels, metric: str, statistic: Statistic) -> Cells:
        """A row's; empty where no cell is ok. NaN: some candidate has no value."""
        return self.values.get((labels, metric, statistic), {})

    def add(self, planned: PlanRow, record: Record | None) -> None:
        """Take in a cell."""
        cell = reduce(planned, record, self.metrics)
        if cell.numbers is None:
            return
        for statistic, line in _LINES.items():
            for k, metric in enumerate(self.metrics):
                self._put(planned, metric.name, statistic, float(cell.numbers[line, k]))
            self._put(planned, SECONDS.name, statistic, cell.spent[1])

    def _put(self, planned: PlanRow, metric: str, statistic: Statistic, value: float) -> None:
        cells = self.values.setdefault((planned.row, metric, statistic), {})
        cells.setdefault(planned.image, {})[planned.repeat] = value


def errors(records: Iterable[tuple[PlanRow, Record | None]], metrics: Sequence[Metric]) -> Errors:
    """From all planned cells' records; gone through once."""
    found = Errors(metrics)
    for planned, record in records:
        found.add(planned, record)
    return found


def image_means(cells: Cells, images: Iterable[str]) -> list[float]:
    """Over repeats, for each of the images; NaN where a repeat has no value."""
    return [math.fsum(cells[name].values()) / len(cells[name]) for name in images]
