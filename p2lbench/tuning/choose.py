"""Records of trials → scores → the setting of each method. Pure.

What counts, in one place:

- A cell's value is its `selected` candidate's: its objective, or the metric that was asked for.
- A trial's score is the geometric mean of its cells' values; the arithmetic one where a value is
  not above 0, or where more is better (decibels are logarithms already).
- A trial with a cell that is not `ok`, or that has no value, loses. Cells that are `skipped` in
  every trial of a method are nobody's.
- The lowest score wins; among equals the earliest trial, so the setting as written before others.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from p2lbench.record import Record
from p2lbench.store import PlanRow
from p2lbench.tuning.trials import Trial, Tuned

_EDGE = 1 / 8  # of a range; what wins there may have better beyond it
_DEARER = 1.05  # times the passes of the method as written

_Key = tuple[tuple[str, str, str, str], str, int]  # the other axes, image, repeat


@dataclass(frozen=True)
class Measure:
    """What trials are compared by: the objective (`metric` None), or a metric's name."""

    metric: str | None = None
    higher_is_better: bool = False

    def __str__(self) -> str:
        return self.metric or "objective"


@dataclass(frozen=True)
class TrialScore:
    """A trial's outcome. `score` None: it lost, for the `reason`. `images`: score per image.
    `passes`, `seconds`: means per cell."""

    trial: Trial
    score: float | None
    images: Mapping[str, float | None]
    passes: float | None
    seconds: float | None
    statuses: Mapping[str, int]
    reason: str


@dataclass(frozen=True)
class Choice:
    """What came out for one optimizer's row. `winner` None: every trial lost, or there were none.

    `edges`: option → `low` or `high`, where the winner lies at that end of its range.
    """

    tuned: Tuned
    scores: tuple[TrialScore, ...]
    winner: TrialScore | None
    geometric: bool
    edges: Mapping[str, str]

    @property
    def written(self) -> TrialScore:
        """The trial of the row as written. Raises: IndexError if there are no trials."""
        return self.scores[0]

    @property
    def options(self) -> Mapping[str, Any]:
        """The options that win, by dotted path; none where the row stays as written."""
        return {} if self.winner is None else self.winner.trial.options

    @property
    def gain(self) -> float | None:
        """The winner's change against the row as written: relative where scores are geometric."""
        if self.winner is None or self.winner.score is None or self.written.score is None:
            return None
        change = self.winner.score - self.written.score
        return change / self.written.score if self.geometric else change

    @property
    def dearer(self) -> bool:
        """Whether the winner spends more passes than the row as written."""
        if self.winner is None or not self.written.passes or not self.winner.passes:
            return False
        return self.winner.passes > _DEARER * self.written.passes


@dataclass(frozen=True)
class _CellValue:
    value: float | None
    record: Record | None

    @property
    def status(self) -> str:
        return "not run" if self.record is None else self.record.status


def choose(
    rows: Sequence[Tuned],
    cells: Iterable[tuple[PlanRow, Record | None]],
    measure: Measure,
) -> tuple[Choice, ...]:
    """The best trial of each row, from the planned cells of the trials and their records."""
    values: dict[str, dict[_Key, _CellValue]] = {}
    for planned, record in cells:
        *others, label = planned.row
        key: Any = tuple(others), planned.image, planned.repeat
        values.setdefault(label, {})[key] = _CellValue(_value(record, measure), record)
    return tuple(_choice(row, values, measure) for row in rows)


def _value(record: Record | None, measure: Measure) -> float | None:
    if record is None or record.status != "ok" or record.selected is None:
        return None
    if measure.metric is None:
        return record.objective[record.selected]
    found = record.metrics.get("original", {}).get(measure.metric, ())
    return found[record.selected] if record.selected < len(found) else None


def _choice(
    row: Tuned, values: Mapping[str, Mapping[_Key, _CellValue]], measure: Measure
) -> Choice:
    cells = [_counted(row, values, trial) for trial in row.trials]
    known = [cell.value for found in cells for cell in found.values() if cell.value is not None]
    geometric = not measure.higher_is_better and all(value > 0 for value in known)
    scores = tuple(map(_score, row.trials, cells, [geometric] * len(cells)))
    sign = -1 if measure.higher_is_better else 1
    ranked = [(sign * s.score, k) for k, s in enumerate(scores) if s.score is not None]
    winner = scores[min(ranked)[1]] if ranked else None
    edges = {} if winner is None else _edges(row, scores, winner)
    return Choice(row, scores, winner, geometric, edges)


def _counted(
    row: Tuned, values: Mapping[str, Mapping[_Key, _CellValue]], trial: Trial
) -> dict[_Key, _CellValue]:
    """A trial's cells without those that are skipped in every trial."""
    tables = [values.get(each.row.label, {}) for each in row.trials]
    own = values.get(trial.row.label, {})
    return {
        key: cell
        for key, cell in own.items()
        if any(key in table and table[key].status != "skipped" for table in tables)
    }


def _score(trial: Trial, cells: Mapping[_Key, _CellValue], geometric: bool) -> TrialScore:
    images: dict[str, list[_CellValue]] = {}
    for (_, image, _), cell in cells.items():
        images.setdefault(image, []).append(cell)
    ledgers = [cell.record.ledger for cell in cells.values() if cell.record is not None]
    return TrialScore(
        trial,
        _average(cells.values(), geometric),
        {image: _average(found, geometric) for image, found in images.items()},
        _mean(ledger.get("passes", 0) for ledger in ledgers),
        _mean(ledger.get("seconds", 0) for ledger in ledgers),
        Counter(cell.status for cell in cells.values()),
        _why_lost(cells.values()),
    )


def _average(cells: Iterable[_CellValue], geometric: bool) -> float | None:
    values = [cell.value for cell in cells]
    finite = [value for value in values if value is not None]
    if not finite or len(finite) < len(values):
        return None
    if not geometric:
        return math.fsum(finite) / len(finite)
    return math.exp(math.fsum(map(math.log, finite)) / len(finite))


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return math.fsum(found) / len(found) if found else None


def _why_lost(cells: Iterable[_CellValue]) -> str:
    for cell in cells:
        if cell.value is None:
            reason = "" if cell.record is None else cell.record.reason
            lines = reason.strip().splitlines() or (["no value"] if cell.status == "ok" else [])
            return ": ".join([cell.status, *lines[:1]])
    return ""


def _edges(row: Tuned, scores: Sequence[TrialScore], winner: TrialScore) -> dict[str, str]:
    """Options whose chosen value lies at an end of its range, and which end.

    Not where a single option was tried farther out, too: then that was worse. With several, what
    was farther out may have lost by another of them.
    """
    found, edge = {}, max(_EDGE, 1 / len(row.trials))
    for path, values in row.space.items():
        at = values.fraction(row.settings(winner.trial)[path])
        if at is None or edge <= at <= 1 - edge:
            continue
        end = "low" if at < edge else "high"
        tried = [values.fraction(row.settings(score.trial)[path]) for score in scores]
        beyond = [f for f in tried if f is not None and (f < at if end == "low" else f > at)]
        if len(row.space) > 1 or not beyond:
            found[path] = end
    return found
