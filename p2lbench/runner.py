"""Runs a plan: what is missing goes to an executor, what comes back into the store."""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from p2lbench import __version__, weights
from p2lbench.errors import StoreError, UserError
from p2lbench.executors.base import Executor, Watch
from p2lbench.images import mask_values, pixel_digest, read_image, read_mask
from p2lbench.leaderboard import Metric, SuiteInfo
from p2lbench.options import build
from p2lbench.plan import Cell, Plan, Task, specs
from p2lbench.record import KEPT, Record
from p2lbench.registry import Registry
from p2lbench.spec import Spec, WeightedLoss
from p2lbench.store import Store, folder_of
from p2lbench.suite import Suite

STATUSES = ("ok", "failed", "timeout", "diverged", "skipped")


class Follower(Watch, Protocol):
    """A watch that is told of records, too."""

    def cell_done(self, record: Record, cached: bool = False) -> None:
        """A cell has its record."""

    def warn(self, message: str) -> None:
        """Something the user should know, though the run goes on."""


@dataclass(frozen=True)
class Outcome:
    """What a run came to. `cells` has `total`, every status, and `cached`: those not run now."""

    suite: str
    folder: Path
    cells: dict[str, int]
    seconds: float

    @property
    def clean(self) -> bool:
        """Whether every cell is ok or was skipped."""
        return self.cells["ok"] + self.cells["skipped"] == self.cells["total"]

    def to_json(self) -> dict[str, Any]:
        """The document of `run --json`."""
        return {
            "suite": self.suite,
            "results": str(self.folder),
            "cells": self.cells,
            "seconds": round(self.seconds, 3),
        }


def run(
    plan: Plan,
    registry: Registry,
    executor: Executor,
    results: Path,
    follow: Follower,
    *,
    limit: int | None = None,
    fresh: bool = False,
) -> Outcome:
    """Run the cells that have no record to keep; see every record through to the store.

    Args:
        results: the parent of the suite's folder.
        limit: plan only so many cells, the first ones.
        fresh: run everything again.

    Raises:
        StoreError: the results folder cannot be used; what was committed before stays.
    """
    began, suite = time.monotonic(), plan.suite
    folder = folder_of(results, suite.name).absolute()
    cells = list(islice(plan.cells(), limit))
    with Store.create_or_open(folder, suite.name, warn=follow.warn) as store:
        wanted = {cell.id for cell in cells}
        store.set_plan(row for row in plan.rows() if row.cell in wanted)
        _describe(store, plan, registry)
        statuses = {} if fresh else store.statuses(wanted)
        counts: Counter[str] = Counter(total=len(cells))
        todo: list[tuple[Cell, bool]] = []
        for cell in cells:
            kept = statuses.get(cell.id) in KEPT
            again = kept and _lacks_metrics(store, cell, suite, registry)
            if kept and not again:
                record = store.get(cell.id, files=False)
                if record is None:
                    raise StoreError(f"{folder}: the record of cell {cell.id} went away")
                counts[record.status] += 1
                follow.cell_done(record, cached=True)
            else:
                todo.append((cell, again))
        counts["cached"] = len(cells) - len(todo)
        # Closing stops the workers, whatever ends this loop.
        rescored = {cell.id for cell, again in todo if again}
        with closing(executor.run(_tasks(todo, suite, store), follow)) as records:
            for record in records:
                _keep(store, record, record.cell in rescored)
                counts[record.status] += 1
                follow.cell_done(record)
    tally = {key: counts[key] for key in ("total", "ok", "cached", *STATUSES[1:])}
    return Outcome(suite.name, folder, tally, time.monotonic() - began)


def _keep(store: Store, record: Record, rescored: bool) -> None:
    """A new record; of one that was only scored again, the metrics alone."""
    if not rescored:
        store.put(record)
    elif record.status in KEPT:
        store.put_metrics(record.cell, record.metrics, record.missing)


def _tasks(cells: Sequence[tuple[Cell, bool]], suite: Suite, store: Store) -> Iterator[Task]:
    metrics = tuple(zip(suite.metric_labels, suite.metrics, strict=True))
    for cell, again in cells:
        pixels = read_image(cell.image.file)
        if pixel_digest(pixels) != cell.image.digest:
            raise UserError(f"{cell.image.file}: changed while the suite ran; run it again")
        mask = cell.image.mask
        values = None if mask is None else mask_values(read_mask(mask, pixels.shape[:2]))
        latents = store.file("latents", cell.id) if again else b""
        yield Task(cell, pixels, values, metrics, suite.timeout, latents)


def _lacks_metrics(store: Store, cell: Cell, suite: Suite, registry: Registry) -> bool:
    """Whether a metric of the suite could be computed now that the record does not have."""
    record = store.get(cell.id, files=False)
    if record is None or record.status != "ok":
        return False
    known = record.metrics.get("original", {})
    pairs = zip(suite.metric_labels, suite.metrics, strict=True)
    lacking = [(label, spec) for label, spec in pairs if label not in known]
    return any(
        label not in record.missing or _became_available(spec, registry) for label, spec in lacking
    )


def _became_available(spec: Spec, registry: Registry) -> bool:
    names = getattr(build(spec, registry), "weights", ())
    try:
        for name in names:
            weights.locate(name)
    except UserError:
        return False
    # What is missing for another reason than its weights will be missing again.
    return any(weights.CATALOGUE.get(name) is not None for name in names)


def _describe(store: Store, plan: Plan, registry: Registry) -> None:
    """All that a reader of the folder needs beside the records."""
    suite = plan.suite
    store.set_metrics([vars(metric) for metric in metrics(suite, registry)])
    losses = {m.loss.label: _measured_as(m.loss, suite) for m in plan.methods}
    budget = {k: v for k, v in vars(suite.budget).items() if v != float("inf")}
    info = SuiteInfo(
        suite.name, suite.candidates, suite.repeats, suite.protocol, losses, budget, ()
    )
    store.set_header(info.plain())
    store.write_suite(suite.text.encode())
    store.write_environment(environment(plan))


def _measured_as(loss: WeightedLoss, suite: Suite) -> tuple[str, ...]:
    """A loss's terms by name, and by what the metrics that are the same plugin are called."""
    names = {spec.name for spec, _ in loss.terms}
    pairs = zip(suite.metric_labels, suite.metrics, strict=True)
    return (*sorted(names), *(label for label, spec in pairs if spec.name in names))


def metrics(suite: Suite, registry: Registry) -> list[Metric]:
    """The columns of a suite's leaderboard, each with its protocol."""
    found = []
    for label, spec in zip(suite.metric_labels, suite.metrics, strict=True):
        loss = build(spec, registry)
        protocol = "; ".join(f"{k}: {v}" for k, v in getattr(loss, "protocol", {}).items())
        found.append(Metric(label, label, bool(loss.higher_is_better), protocol))
    return found


def environment(plan: Plan) -> dict[str, Any]:
    """Versions and machine, without importing what is only asked for its version."""
    from importlib.metadata import PackageNotFoundError, version

    packages: dict[str, str | None] = {}
    for name in ("torch", "torchvision", "numpy", "cma", "nevergrad", "lpips"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = None
    return {
        "p2lbench": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "device": plan.device,
        "packages": packages,
        "overrides": list(plan.suite.overrides),
        "plugins": sorted({spec.name for spec in specs(plan.methods)}),
    }
