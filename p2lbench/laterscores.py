"""Metrics that are added to a results folder after its run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from p2lbench import weights
from p2lbench.audit.code import lacking
from p2lbench.errors import StoreError, UserError
from p2lbench.executors.base import Executor
from p2lbench.identity import decided_by, read_cell
from p2lbench.measured import ADDED, description, spec_of
from p2lbench.plan import PlanRow, Task
from p2lbench.record import Record, Rescored
from p2lbench.registry import Registry
from p2lbench.rescoring import metric_keys, task, with_metric
from p2lbench.runner import Follower
from p2lbench.spec import Named, Spec
from p2lbench.stated import used, weights_named
from p2lbench.store import Standing, Store


@dataclass
class Added:
    """What came of it: cells that were scored, and reason → cells that have no value."""

    metrics: tuple[str, ...]
    cells: int = 0
    without: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """The metrics to add, each by its column's name, and the cells that lack some of them."""

    metrics: tuple[tuple[str, Spec], ...]
    keys: dict[str, str]
    rows: tuple[PlanRow, ...]


def prepare(store: Store, registry: Registry, asked: Sequence[Named]) -> Job:
    """Check that metrics can be added to a folder.

    Raises:
        UserError: one is there already, its weights are missing, or what makes the folder's images
            is not here.
        StoreError: no run has been planned in the folder.
    """
    if not store.header():
        raise StoreError(f"{store.folder}: no run has been planned here yet; run the suite first")
    if len({named.label for named in asked}) < len(asked):
        raise UserError("--metric: two of the same name; give one another with `as`")
    metrics = tuple((named.label, named.spec) for named in asked)
    for _, spec in metrics:
        for name in weights_named(spec, registry):
            weights.locate(name)
    keys = metric_keys(metrics, registry)
    rows = {row.cell: row for row in store.plan()}.values()
    short = {found.cell for found in store.standings() if _lacks(found, keys)}
    lack = tuple(row for row in rows if row.cell in short)
    for label, spec in metrics:
        _refuse_known(store, label, spec, bool(lack))
    _check_parts(store, lack, registry)
    return Job(metrics, keys, lack)


def rescore(
    store: Store,
    registry: Registry,
    executor: Executor,
    follow: Follower,
    device: str,
    job: Job,
) -> Added:
    """Add metrics to a folder that is open for writing, and compute their values.

    A metric that raises has no value in that cell, but a reason; nothing else of a record changes.
    Interrupted and called again, it goes on with the cells that are left.
    """
    _describe(store, job, registry)
    added = Added(tuple(label for label, _ in job.metrics))
    with closing(executor.run(_tasks(store, job, device), follow)) as records:
        for found in records:
            _keep(store, found, job, added)
            follow.cell_done(found)
    return added


def _lacks(found: Standing, keys: dict[str, str]) -> bool:
    if found.status not in ("ok", "diverged") or not found.points:
        return False
    return not found.measured.items() >= keys.items()


def _refuse_known(store: Store, label: str, spec: Spec, unfinished: bool) -> None:
    for plain in store.metrics():
        if plain.get("name") != label:
            continue
        if spec_of(plain, store) != spec:
            raise UserError(
                f"--metric: '{label}' is a metric of this folder with other options; name yours "
                f"otherwise: {{{spec.name}: …, as: NAME}}"
            )
        if not unfinished:
            raise UserError(f"--metric: '{label}' is a metric of this folder; every cell has it")


def _check_parts(store: Store, rows: Sequence[PlanRow], registry: Registry) -> None:
    """Each method's generator and what else makes its images must be here."""
    images, done = store.images(), set()
    for row in rows:
        key = decided_by(store, row.cell)[0]["method"]
        if key in done:
            continue
        done.add(key)
        if row.image not in images:
            raise StoreError(f"{store.folder}: the image '{row.image}' is not kept here")
        parts = used(read_cell(store, row, images[row.image], "cpu").method)
        if (reason := lacking(parts, registry)) is not None:
            raise UserError(f"row {' | '.join(row.row)}: {reason}")


def _describe(store: Store, job: Job, registry: Registry) -> None:
    """The metrics join the folder's, and the losses that optimise them say so."""
    described = {plain["name"]: plain for plain in store.metrics()}
    for label, spec in job.metrics:
        described.setdefault(label, {**description(label, spec, registry), ADDED: True})
    store.set_metrics([*described.values()])
    header = store.header()
    losses = {
        loss: [*dict.fromkeys([*terms, *(k for k, s in job.metrics if s.name in terms)])]
        for loss, terms in header["losses"].items()
    }
    store.set_header({**header, "losses": losses})


def _tasks(store: Store, job: Job, device: str) -> Iterator[Task]:
    images = store.images()
    for row in job.rows:
        yield task(store, row, images[row.image], job.metrics, device)


def _keep(store: Store, found: Record, job: Job, added: Added) -> None:
    if not isinstance(found, Rescored):  # it never got that far: the next call tries again
        added.without[found.reason] = added.without.get(found.reason, 0) + 1
        return
    added.cells += 1
    record = store.get(found.cell)
    for label, _ in job.metrics:
        if record is not None:
            record = with_metric(record, found, label, job.keys[label])
            if label in record.missing:
                reason = f"{label}: {record.missing[label]}"
                added.without[reason] = added.without.get(reason, 0) + 1
    if record is not None:
        store.put(record)
