"""From one method's records to its row of numbers. Pure; what counts is said in leaderboard.py."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from p2lbench.record import FRAMES, Record
from p2lbench.runtimes import Runtimes
from p2lbench.standing import Standing
from p2lbench.stats import Array, mean_interval
from p2lbench.store import PlanRow

Statistic = Literal["mean", "selected", "best"]
STATISTICS: tuple[Statistic, ...] = ("mean", "selected", "best")
ENVIRONMENT = ("torch", "device", "dtype")


@dataclass(frozen=True)
class Metric:
    """A column: its name in the records, what to print, which way is better, its protocol."""

    name: str
    label: str
    higher_is_better: bool = False
    protocol: str = ""

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Metric:
        """From what a results folder says of it, which is more. Raises: TypeError."""
        known = {member.name for member in fields(cls)}
        return cls(**{key: value for key, value in plain.items() if key in known})


@dataclass(frozen=True)
class BestOfK:
    """Expected best of k = 1, 2, … tries by metric; None: some try has no value."""

    over: Literal["candidates", "repeats"]
    curves: Mapping[str, tuple[float, ...] | None]


@dataclass(frozen=True)
class OfClass:
    """Over the complete images of a class; mappings as in `Row`."""

    images: int
    mean: Mapping[str, float | None]
    selected: Mapping[str, float | None]


@dataclass(frozen=True)
class Row:
    """One method. Mappings go from metric name to value; None: no value, the notes say why.

    `complete`: the images that the numbers are over. `planned`: how many there should be.
    `diagnostics`: name → mean over candidates, and of the selected one, if every cell has it.
    `settings`: how the optimizer's options were chosen: tuned, default, paper; None: not said.
    `missing`: planned cells that are not ok. `rank` counts from 1; None: nothing to rank.
    `standing`: what it is to the other rows. `classes`: its numbers by class of image, empty where
    no image has one. `runtimes`: its passes to the suite's targets, if there are any. `cells`: the
    selected candidates' numbers, (metrics,) per complete image and repeat.
    """

    labels: tuple[str, str, str, str, str]
    complete: frozenset[str]
    planned: int
    mean: Mapping[str, float | None]
    best: Mapping[str, float | None]
    selected: Mapping[str, float | None]
    ci: Mapping[str, tuple[float, float] | None]
    aligned: Mapping[str, float | None]
    unmasked: Mapping[str, float | None]
    diagnostics: Mapping[str, tuple[float, float]]
    passes: float | None
    seconds: float | None
    missing: int
    notes: tuple[str, ...]
    settings: str | None = None
    comparable: bool = True
    rank: int | None = None
    best_of_k: BestOfK | None = None
    standing: Standing = field(default_factory=Standing)
    classes: Mapping[str, OfClass] = field(default_factory=dict)
    runtimes: Runtimes | None = None
    cells: Mapping[str, Mapping[int, Array]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def value(self, statistic: Statistic, metric: str) -> float | None:
        """One number of the table."""
        table: Mapping[str, float | None] = getattr(self, statistic)
        return table[metric]

    def chosen(self, metric: str) -> dict[str, dict[int, float]]:
        """Image → repeat → a metric of the selected candidate; NaN where it has no value."""
        column = list(self.selected).index(metric)
        return {
            image: {repeat: float(numbers[column]) for repeat, numbers in repeats.items()}
            for image, repeats in self.cells.items()
        }

    @property
    def partial(self) -> bool:
        """Whether it covers fewer images than planned."""
        return len(self.complete) < self.planned


MEAN, _BEST, SELECTED, _ALIGNED, _UNMASKED = range(5)  # rows of `CellNumbers.numbers`


@dataclass(frozen=True, slots=True)
class CellNumbers:
    """A record, reduced to what rows need: `numbers` (5, metrics) has NaN for every hole, and so
    has `candidates` (metrics, candidates)."""

    image: str
    repeat: int
    status: str
    reason: str
    numbers: Array | None
    candidates: Array | None
    diagnostics: Mapping[str, tuple[float, float]]
    spent: tuple[float, float]
    missing: Mapping[str, str]
    notes: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]


def reduce(planned: PlanRow, record: Record | None, metrics: Sequence[Metric]) -> CellNumbers:
    """One planned cell's numbers; record None: not run yet."""
    if record is None:
        nothing: dict[str, Any] = {"diagnostics": {}, "spent": (math.nan,) * 2, "missing": {}}
        nothing |= {
            "reason": "",
            "numbers": None,
            "candidates": None,
            "notes": (),
            "environment": (),
        }
        return CellNumbers(planned.image, planned.repeat, "not run yet", **nothing)
    ok = record.status == "ok"
    chosen = record.selected
    spent = (record.ledger.get("passes"), record.ledger.get("seconds"))
    values = _values(record, metrics) if ok else None
    return CellNumbers(
        image=planned.image,
        repeat=planned.repeat,
        status=record.status,
        reason=record.reason,
        numbers=None if values is None else _numbers(values, metrics, chosen),
        candidates=None if values is None else values[0].copy(),  # without the other frames
        diagnostics=_diagnostics(record, chosen) if ok else {},
        spent=(_or_nan(spent[0]), _or_nan(spent[1])),
        missing=record.missing,
        notes=record.notes,
        environment=_environment(record) if ok else (),
    )


def _values(record: Record, metrics: Sequence[Metric]) -> Array:
    """(frames, metrics, candidates), NaN for every hole; one array, as a table may read 100,000
    cells."""
    frames = [record.metrics.get(name, {}) for name in FRAMES]
    found = [frame.get(metric.name, ()) for frame in frames for metric in metrics]
    count = max(map(len, found), default=0)
    nothing = (None,) * count
    whole = [values if len(values) == count else nothing for values in found]
    return np.array(whole, dtype=np.float64).reshape(len(FRAMES), len(metrics), count)


def _numbers(values: Array, metrics: Sequence[Metric], chosen: int | None) -> Array:
    """(5, metrics) of one cell. No candidate is dropped from a mean: a hole makes a hole."""
    original = values[0]
    found = np.full((5, len(metrics)), math.nan)
    if values.shape[2]:
        signs = np.array([-1.0 if metric.higher_is_better else 1.0 for metric in metrics])
        found[[MEAN, _ALIGNED, _UNMASKED]] = values.sum(axis=2) / values.shape[2]
        found[_BEST] = signs * (signs[:, None] * original).min(axis=1)
    if chosen is not None and chosen < values.shape[2]:
        found[SELECTED] = original[:, chosen]
    return found


def _diagnostics(record: Record, chosen: int | None) -> dict[str, tuple[float, float]]:
    """Name → mean over candidates, and of the selected one; without those that have holes."""
    found = {}
    for name, values in record.diagnostics.items():
        average = _average_of(values)
        if chosen is not None and chosen < len(values) and not math.isnan(average):
            found[name] = average, _or_nan(values[chosen])
    return found


def _average_of(values: Sequence[float | None]) -> float:
    """NaN if a candidate has none: no candidate is dropped from a mean."""
    finite = [value for value in values if value is not None]
    return math.fsum(finite) / len(finite) if finite and len(finite) == len(values) else math.nan


def _environment(record: Record) -> tuple[tuple[str, str], ...]:
    """What a table should not mix without saying so; a device's number does not matter."""
    return _told(*(str(record.environment.get(key, "")) for key in ENVIRONMENT))


@lru_cache(maxsize=64)
def _told(*values: str) -> tuple[tuple[str, str], ...]:
    pairs = zip(ENVIRONMENT, values, strict=True)
    return tuple((key, value.split(":")[0]) for key, value in pairs if value)


def make_row(
    labels: tuple[str, str, str, str, str], cells: Sequence[CellNumbers], names: Sequence[str]
) -> Row:
    """One method's row of the table, not yet ranked; `names` of the metrics."""
    images: dict[str, list[CellNumbers]] = {}
    for cell in cells:
        images.setdefault(cell.image, []).append(cell)
    whole = {k: found for k, found in images.items() if all(c.numbers is not None for c in found)}
    used = [cell for found in whole.values() for cell in found]
    numbers = _average(list(whole.values()), len(names))
    spent = [_mean(cell.spent[k] for cell in used) for k in (0, 1)]
    return Row(
        labels=labels,
        complete=frozenset(whole),
        planned=len(images),
        mean=named(names, numbers[MEAN]),
        best=named(names, numbers[_BEST]),
        selected=named(names, numbers[SELECTED]),
        ci=_intervals(list(whole.values()), names),
        aligned=named(names, numbers[_ALIGNED]),
        unmasked=named(names, numbers[_UNMASKED]),
        diagnostics=_shared(list(whole.values())),
        passes=spent[0],
        seconds=spent[1],
        missing=sum(cell.status != "ok" for cell in cells),
        notes=(
            *_coverage(len(whole), len(images)),
            *_why_missing(cells),
            *_holes(used, names),
            *_remarks(used),
        ),
        cells={image: _selected(found) for image, found in whole.items()},
    )


def _average(images: Sequence[Sequence[CellNumbers]], metrics: int) -> Array:
    """(5, metrics): over repeats, then images; a hole anywhere is a hole."""
    if not images:
        return np.full((5, metrics), math.nan)
    means: Array = np.mean([_stack(repeats).mean(axis=0) for repeats in images], axis=0)
    return means


def _shared(images: Sequence[Sequence[CellNumbers]]) -> dict[str, tuple[float, float]]:
    """The diagnostics that every cell has, over repeats, then images."""
    cells = [cell.diagnostics for repeats in images for cell in repeats]
    names = [name for name in cells[0] if all(name in cell for cell in cells)] if cells else []
    found = {}
    for name in names:
        means = [
            np.mean([cell.diagnostics[name] for cell in repeats], axis=0) for repeats in images
        ]
        mean, selected = np.mean(means, axis=0).tolist()
        found[name] = mean, selected
    return found


def _stack(repeats: Sequence[CellNumbers]) -> Array:
    return np.stack([cell.numbers for cell in repeats if cell.numbers is not None])


def _selected(repeats: Sequence[CellNumbers]) -> dict[int, Array]:
    return {c.repeat: c.numbers[SELECTED] for c in repeats if c.numbers is not None}


def _intervals(
    images: Sequence[Sequence[CellNumbers]], names: Sequence[str]
) -> dict[str, tuple[float, float] | None]:
    nothing: dict[str, tuple[float, float] | None] = dict.fromkeys(names)
    if len(images) < 2:
        return nothing
    values = [_stack(repeats)[:, MEAN] for repeats in images]
    if len({len(repeats) for repeats in values}) > 1:  # a run cut short by --limit
        values = [repeats.mean(axis=0, keepdims=True) for repeats in values]
    array = np.stack(values)
    finite = [k for k in range(len(names)) if np.isfinite(array[:, :, k]).all()]
    ends = mean_interval(array[:, :, finite]) if finite else None
    if ends is None:
        return nothing
    found = {names[k]: (float(lo), float(hi)) for k, (lo, hi) in zip(finite, ends, strict=True)}
    return {**nothing, **found}


def _coverage(complete: int, planned: int) -> Iterable[str]:
    if complete < planned:
        yield f"over {complete} of {planned} images" if complete else "no image is complete"


def _why_missing(cells: Sequence[CellNumbers]) -> Iterable[str]:
    """'2 failed: ValueError: ...', the commonest reasons first."""
    lines = Counter((c.status, _first_line(c.reason)) for c in cells if c.status != "ok")
    for (status, reason), count in lines.most_common(3):
        yield f"{count} {status}: {reason}" if reason else f"{count} {status}"
    others = lines.total() - sum(count for _, count in lines.most_common(3))
    if others:
        yield f"{others} more for other reasons"


def _holes(used: Sequence[CellNumbers], names: Sequence[str]) -> Iterable[str]:
    """Metrics without a value, but for those that every cell lacks for a stated reason."""
    for k, name in enumerate(names):
        holes = [c for c in used if c.numbers is not None and math.isnan(c.numbers[MEAN, k])]
        unexplained = [cell for cell in holes if name not in cell.missing]
        if unexplained:
            yield f"{name}: not finite in {len(unexplained)} of {len(used)} cells"
        elif holes and len(holes) < len(used):
            yield f"{name}: not computed in {len(holes)} of {len(used)} cells; run the suite again"


def _remarks(used: Sequence[CellNumbers]) -> Iterable[str]:
    """What the records have to say, once."""
    for note, count in Counter(note for cell in used for note in cell.notes).items():
        yield note if count == len(used) else f"{note} ({count} of {len(used)} cells)"


def named(names: Sequence[str], values: Array) -> dict[str, float | None]:
    """Metric → value, None where it is not finite."""
    return {name: _number(value) for name, value in zip(names, values, strict=True)}


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return _number(math.fsum(found) / len(found)) if found else None


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0][:160] if lines else ""
