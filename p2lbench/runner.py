"""Runs a plan: what is missing goes to an executor, what comes back into the store."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from enum import Enum
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol

from p2lbench.describing import describe
from p2lbench.errors import StoreError, UserError
from p2lbench.executors.base import Executor, Watch
from p2lbench.film import filmed
from p2lbench.images import Pixels, Share, pixel_digest, read_image
from p2lbench.masks import read_mask
from p2lbench.measured import joined
from p2lbench.plan import Cell, Image, Plan, Task
from p2lbench.record import KEPT, Record, Status
from p2lbench.reference.beside import Beside, Unseen, beside, held
from p2lbench.reference.match import Reference, match
from p2lbench.registry import Registry
from p2lbench.rescoring import TRUTH, merged, metric_keys, truth_key
from p2lbench.store import Standing, Store, folder_of, storable
from p2lbench.suite import Suite
from p2lbench.yamlfile import display

STATUSES = ("ok", "failed", "timeout", "diverged", "skipped")


class Follower(Watch, Protocol):
    """A watch that is told of records, too."""

    def cell_done(self, record: Record, cached: bool = False) -> None:
        """A cell has its record."""


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
    film: bool = False,
) -> Outcome:
    """Run the cells that have no record to keep; see every record through to the store.

    Args:
        results: the parent of the suite's folder.
        limit: plan only so many cells, the first ones.
        fresh: run everything again.
        film: keep points on the way as well; cells that were run without are run again.

    Raises:
        UserError: every image is for tuning.
        StoreError: the results folder cannot be used; what was committed before stays.
    """
    began, suite = time.monotonic(), plan.suite
    _check_images(suite)
    folder = folder_of(results, suite.name).absolute()
    stored = match(plan, registry, folder)
    with Store.create_or_open(folder, suite.name, warn=follow.warn) as store:
        cells = {cell.id for cell in islice(plan.cells(), limit)}
        suite = joined(suite, store, registry, follow.warn)
        plan = replace(plan, suite=suite)
        more = _keep_plan(store, plan, cells, stored)
        describe(store, plan, registry, stored, more.told(store, fresh))
        more.bring(store, suite.candidates, fresh, follow.warn)
        others = {cell.id: cell for cell in more.cells(store, plan)}
        keys = _keys(suite, registry)
        counts: Counter[str] = Counter(total=len(cells))
        steps: dict[str, Step] = {}
        for id_, step, status in _standing(store, keys):
            if id_ in others or not (fresh or (film and _unfilmed(store, id_))):
                steps[id_] = step
            if id_ in cells and steps.get(id_) is Step.keep:
                counts.update([status, "cached"])
                follow.cell_done(Record(id_, status), cached=True)
        flying: dict[str, Cell] = {}
        checked = (cell for cell in others.values() if steps.get(cell.id) is Step.check)
        todo = _todo(chain(checked, islice(plan.cells(), limit)), steps, flying)
        tasks = _tasks(todo, suite, store, film)
        # Closing stops the workers, whatever ends this loop.
        with closing(executor.run(tasks, Unseen(follow, others))) as records:
            for found in records:
                cell = flying.pop(found.cell)
                record = _seen_through(store, found, steps.get(found.cell, Step.run))
                measured = {**record.measured, **keys[storable(cell.image.name)]}
                store.put(replace(record, measured=measured))
                if record.cell in others:
                    _complain(record, cell, follow)
                    continue
                counts[record.status] += 1
                follow.cell_done(record)
    tally = {key: counts[key] for key in ("total", "ok", "cached", *STATUSES[1:])}
    return Outcome(suite.name, folder, tally, time.monotonic() - began)


def _check_images(suite: Suite) -> None:
    if not suite.images:
        raise UserError(
            f"every image of '{suite.name}' is for tuning only (split: tune): nothing to run. "
            f"Add images for the test, or use: p2lbench tune {display(suite.file)}"
        )


class Step(Enum):
    """What a planned cell needs: nothing, its stored points scored, those of a reference scored and
    held to what is said of them, or all of it."""

    keep = "keep"
    score = "score"
    check = "check"
    run = "run"


def _keys(suite: Suite, registry: Registry) -> dict[str, dict[str, str]]:
    """Image's name, as stored → hashes of all that decides what is measured of a cell's points."""
    keys = metric_keys(zip(suite.metric_labels, suite.metrics, strict=True), registry)
    return {
        storable(image.name): {**keys, TRUTH: truth_key(image, registry)} for image in suite.images
    }


def _standing(
    store: Store, keys: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[str, Step, Status]]:
    """Of each planned cell that has a record to build on: what it needs, and its status."""
    for found in store.standings():
        step = _step(found, keys[found.image])
        if step is not Step.run:
            yield found.cell, step, found.status


def _todo(
    cells: Iterable[Cell], steps: Mapping[str, Step], flying: dict[str, Cell]
) -> Iterator[tuple[Cell, Step]]:
    """The cells that need something, and what; those that were taken are in `flying`."""
    for cell in cells:
        step = steps.get(cell.id, Step.run)
        if step is not Step.keep:
            flying[cell.id] = cell
            yield cell, step


def _step(found: Standing, keys: Mapping[str, str]) -> Step:
    score = Step.check if found.referred else Step.score
    if found.status not in KEPT and found.points:
        return score  # it was a metric that failed; the points are there
    if found.status not in KEPT:
        return Step.run
    same = found.measured.items() >= keys.items()
    return Step.keep if same or found.status != "ok" else score


def _seen_through(store: Store, found: Record, step: Step) -> Record:
    """What a cell's record becomes, after what it needed was done."""
    if step is Step.run:
        return found
    record = merged(store, found)
    return held(record, found) if step is Step.check else record


def _complain(record: Record, cell: Cell, follow: Follower) -> None:
    if record.status != "ok":
        place = f"'{cell.method.row[4]}', image '{cell.image.name}'"
        follow.warn(f"reference row {place}: {record.status}: {record.reason}")


def _keep_plan(
    store: Store, plan: Plan, cells: Container[str], stored: Reference | None = None
) -> Beside:
    """The planned cells, what decides them, and their targets: what was run can be looked at, and
    its numbers recomputed, from the folder alone. With them the reference's, which are returned."""
    rows = [row for row in plan.rows() if row.cell in cells]
    more = beside(stored, rows)
    methods = {planned.key for planned in plan.planned}
    names = {row.image for row in rows}
    images = [image for image in plan.suite.images if image.name in names]
    for image in images:
        store.put_image(image, *decoded(image))
    store.set_images(images)
    kept = (pair for pair in plan.identities() if pair[0] in methods or pair[0] in cells)
    store.set_plan([*rows, *more.rows], chain(kept, more.identities()))
    return more


def _unfilmed(store: Store, cell: str) -> bool:
    """Whether a cell has points, but none on the way to them."""
    latents = store.file("latents", cell)
    return bool(latents) and not filmed(latents)


def _tasks(
    cells: Iterable[tuple[Cell, Step]], suite: Suite, store: Store, film: bool = False
) -> Iterator[Task]:
    metrics = tuple(zip(suite.metric_labels, suite.metrics, strict=True))
    stored = {(image.digest, image.mask_digest): image for image in store.images().values()}
    for cell, step in cells:
        image = stored[cell.image.digest, cell.image.mask_digest]
        latents = b"" if step is Step.run else store.file("latents", cell.id)
        if not latents and step is not Step.run:  # a worker would search
            raise StoreError(f"{store.folder}: cell {cell.id} has no points to score")
        yield Task(cell, image.pixels, image.mask, metrics, suite.timeout, latents, film)


def decoded(image: Image) -> tuple[Pixels, Share | None]:
    """Pixels and mask of a planned image.

    Raises:
        UserError: they are not those that the plan was made of.
    """
    pixels = read_image(image.file)
    mask = None if image.mask is None else read_mask(image.mask, image.file, pixels)
    digests = pixel_digest(pixels), None if mask is None else pixel_digest(mask)
    if digests != (image.digest, image.mask_digest):
        message = "it, or its mask, changed while the suite ran; run it again"
        raise UserError(f"{image.file}: {message}")
    return pixels, mask
