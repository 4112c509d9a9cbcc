"""Passes to a suite's frozen targets: from records to each row's share of targets reached. Pure.

A run is a cell: passes are counted for a cell, so a target is reached when the best of its
candidates so far has reached it. Every planned cell counts; one that is not ok has reached nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from p2lbench.record import Record
from p2lbench.stats import (
    Array,
    Steps,
    area,
    distribution,
    expected_passes,
    first_reached,
    mean_interval,
    performance_profiles,
)
from p2lbench.store import PlanRow

Labels = tuple[str, ...]


@dataclass(frozen=True)
class RowTargets:
    """Which targets a row has: the `objective`-th of the suite's.

    `traced`: whether its traces are of that objective throughout. If not (it searches in another
    frame, or another mask), only what it returned is known.
    """

    row: Labels
    objective: int
    traced: bool


@dataclass(frozen=True)
class Frozen:
    """A suite's targets as a results folder keeps them.

    `objectives`: image → values, the easiest first, `levels` of them; `sha256` of the targets file.
    """

    sha256: str
    levels: int
    objectives: tuple[Mapping[str, tuple[float, ...]], ...]
    rows: tuple[RowTargets, ...]

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Frozen:
        """The inverse of `asdict`. Raises: KeyError, TypeError if it is not one."""
        objectives = tuple(
            {image: tuple(values) for image, values in one.items()} for one in plain["objectives"]
        )
        rows = tuple(RowTargets(**{**row, "row": tuple(row["row"])}) for row in plain["rows"])
        return cls(plain["sha256"], plain["levels"], objectives, rows)


@dataclass(frozen=True)
class Attained:
    """What runs have reached.

    `reached`: the share of all (run, target) pairs, `interval` its 95% interval over images.
    `success`: the share of runs, by target from the easiest; `expected`: passes per success, None
    where there is none.
    """

    runs: int
    reached: float
    interval: tuple[float, float] | None
    success: tuple[float, ...]
    expected: tuple[float | None, ...]


@dataclass(frozen=True)
class Runtimes:
    """A row's passes to its targets.

    `every`: over all planned runs; `complete`: over those of the row's complete images, None if
    there is none. `ecdf`: the share of (run, target) pairs by passes. `profile`: by passes in units
    of the fewest that any row with the same targets took. `area` below the ecdf over log passes, by
    which `rank` is, among rows with the same targets.
    """

    every: Attained
    complete: Attained | None
    ecdf: Steps
    profile: Steps
    area: float
    rank: int
    traced: bool

    def to_json(self, points: int) -> dict[str, Any]:
        """A row's `targets` in `leaderboard --json`; curves of at most so many points."""
        curves = {"ecdf": self.ecdf, "profile": self.profile}
        return {
            "rank": self.rank,
            "area": self.area,
            "traced": self.traced,
            **_plain(self.every),
            "complete": None if self.complete is None else _plain(self.complete),
            **{name: _curve(steps.thinned(points)) for name, steps in curves.items()},
        }


def _plain(attained: Attained) -> dict[str, Any]:
    found = vars(attained)
    return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items()}


def _curve(steps: Steps) -> dict[str, list[float]]:
    return {"passes": list(steps.at), "share": list(steps.share)}


@dataclass
class Runs:
    """Collects runs: row → (image, repeat) → passes to each target, and passes spent."""

    targets: Frozen
    found: dict[Labels, dict[tuple[str, int], tuple[Array, float]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rows = {one.row: one for one in self.targets.rows}

    def add(self, planned: PlanRow, record: Record | None) -> None:
        """One planned cell; record None: not run yet."""
        if (row := self._rows.get(planned.row)) is None:
            return
        values = np.array(self.targets.objectives[row.objective][planned.image])
        reached = np.full(len(values), math.inf), math.nan
        if record is not None and record.status == "ok":
            reached = _hits(record, values, row.traced), float(record.ledger["passes"])
        self.found.setdefault(planned.row, {})[planned.image, planned.repeat] = reached

    def runtimes(self, complete: Mapping[Labels, frozenset[str]]) -> dict[Labels, Runtimes]:
        """Each row's; `complete`: its complete images."""
        found: dict[Labels, Runtimes] = {}
        for objective in range(len(self.targets.objectives)):
            rows = [row for row in self.found if self._rows[row].objective == objective]
            made = _compared({row: self.found[row] for row in rows}, complete)
            found |= {row: self._made(row, parts) for row, parts in made.items()}
        return found

    def _made(self, row: Labels, parts: Mapping[str, Any]) -> Runtimes:
        return Runtimes(**parts, traced=self._rows[row].traced)


def _hits(record: Record, targets: Array, traced: bool) -> Array:
    """Passes to each target: by the trace, and at the end by what the cell returned."""
    finite = [value for value in record.objective if value is not None]
    passes, best = [record.ledger["passes"]], [min(finite, default=math.nan)]
    if traced:
        table = np.array(record.trace.best, dtype=np.float64).reshape(len(record.trace.passes), -1)
        best = [*np.fmin.reduce(table, axis=1, initial=np.inf).tolist(), *best]
        passes = [*record.trace.passes, *passes]
    # What is reached without a pass (the start, returned as it is) counts one: ratios need it.
    counted = np.maximum(np.array(passes, dtype=np.float64), 1.0)
    return first_reached(counted, np.array(best), targets)


_Found = Mapping[Labels, Mapping[tuple[str, int], tuple[Array, float]]]


def _compared(
    found: _Found, complete: Mapping[Labels, frozenset[str]]
) -> dict[Labels, dict[str, Any]]:
    """What `Runtimes` says of rows with the same targets."""
    runs = sorted({run for row in found.values() for run in row})
    hits = {row: _table(found[row], runs) for row in found}
    spent = {row: [cost for _, cost in cells.values()] for row, cells in found.items()}
    horizon = max((c for costs in spent.values() for c in costs if math.isfinite(c)), default=1.0)
    profiles = (
        performance_profiles(np.stack([h.ravel() for h in hits.values()], axis=1)) if hits else []
    )
    areas = {row: area(table, horizon) for row, table in hits.items()}
    return {
        row: {
            "every": _attained(found[row]),
            "complete": _of_images(found[row], complete[row]),
            "ecdf": distribution(hits[row]),
            "profile": profile,
            "area": areas[row],
            "rank": 1 + sum(other > areas[row] for other in areas.values()),
        }
        for row, profile in zip(hits, profiles, strict=True)
    }


def _table(row: Mapping[tuple[str, int], tuple[Array, float]], runs: Sequence[Any]) -> Array:
    """(runs, targets); what a row did not plan is never reached."""
    never = np.full_like(next(iter(row.values()))[0], math.inf)
    return np.stack([row[run][0] if run in row else never for run in runs])


def _of_images(
    row: Mapping[tuple[str, int], tuple[Array, float]], images: Iterable[str]
) -> Attained | None:
    kept = {run: found for run, found in row.items() if run[0] in images}
    return _attained(kept) if kept else None


def _attained(row: Mapping[tuple[str, int], tuple[Array, float]]) -> Attained:
    hits = np.stack([reached for reached, _ in row.values()])
    spent = np.array([cost for _, cost in row.values()])
    # What a failed run has cost is not known: as much as the costliest of the others.
    spent = np.where(np.isnan(spent), np.nanmax(spent, initial=0.0), spent)
    ends = mean_interval(_by_image(row))
    expected = expected_passes(hits, spent)
    return Attained(
        runs=len(row),
        reached=float(np.isfinite(hits).mean()),
        interval=None if ends is None else (float(ends[0, 0]), float(ends[0, 1])),
        success=tuple(np.isfinite(hits).mean(axis=0).tolist()),
        expected=tuple(x if math.isfinite(x) else None for x in expected.tolist()),
    )


def _by_image(row: Mapping[tuple[str, int], tuple[Array, float]]) -> Array:
    """(images, repeats, 1): the share of targets that a run has reached; means where repeats of
    images differ in number."""
    images: dict[str, list[float]] = {}
    for (image, _), (reached, _) in row.items():
        images.setdefault(image, []).append(float(np.isfinite(reached).mean()))
    shares = list(images.values())
    if len({len(repeats) for repeats in shares}) > 1:
        shares = [[math.fsum(repeats) / len(repeats)] for repeats in shares]
    return np.array(shares)[:, :, None]
