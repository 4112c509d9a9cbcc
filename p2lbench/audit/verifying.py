"""Recompute a results folder's records from its points, through an executor, and compare."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from p2lbench.audit import code, consistency, labels, recomputed
from p2lbench.audit.findings import Findings, Unverifiable, Where
from p2lbench.errors import StoreError
from p2lbench.executors.base import Executor
from p2lbench.measured import spec_of
from p2lbench.options import build
from p2lbench.plan import PlanRow, Task, class_index
from p2lbench.record import Record, Rescored, Status
from p2lbench.reference.folder import FROM
from p2lbench.registry import Registry
from p2lbench.rescoring import task
from p2lbench.runner import Follower
from p2lbench.spec import Method, Spec
from p2lbench.stated import used
from p2lbench.store import Store
from p2lbench.storedimage import StoredImage, mask_file, pixel_file
from p2lbench.storedpoints import check_sizes, refuse_large

TOLERANCE = 1e-3
_READING = (KeyError, TypeError, ValueError, AttributeError, IndexError)


def verify(
    store: Store,
    registry: Registry,
    executor: Executor,
    follow: Follower,
    device: str,
    *,
    tolerance: float = TOLERANCE,
    sample: int | None = None,
) -> Findings:
    """Check all that a folder says, and recompute what follows from its points.

    Args:
        device: as torch names it; that of `executor`.
        tolerance: how far a number may be off, relative to itself (`Findings.number`).
        sample: recompute so many cells, drawn at random; all if None.

    Raises:
        StoreError: the folder cannot be read at all.
    """
    return _Audit(store, registry, device, Findings(tolerance)).run(executor, follow, sample)


def planned(store: Store) -> int:
    """How many cells of a folder have points to recompute from."""
    statuses = store.statuses(row.cell for row in store.plan() if consistency.readable(row))
    return sum(s in ("ok", "diverged") or _scored(store, cell) for cell, s in statuses.items())


def _scored(store: Store, cell: str) -> bool:
    """Whether a cell that failed did so after its search: it has points, too."""
    try:
        record = store.get(cell, files=False)
    except (StoreError, *_READING):
        return False
    return record is not None and bool(record.objective)


@dataclass
class _Audit:
    store: Store
    registry: Registry
    device: str
    findings: Findings
    images: Mapping[str, StoredImage] = field(default_factory=dict)
    metrics: dict[str, Spec] = field(default_factory=dict)
    known: dict[str, tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=dict)
    methods: dict[str, str | None] = field(default_factory=dict)  # key → what it lacks here
    lacked: dict[str, str] = field(default_factory=dict)  # metrics that are not here, and why
    partly: dict[str, set[str]] = field(default_factory=dict)  # those → cells that have values
    unscored: set[str] = field(default_factory=set)  # cells that a run has only begun with
    status: dict[str, Status] = field(default_factory=dict)  # as it was: a run may go on meanwhile

    def run(self, executor: Executor, follow: Follower, sample: int | None) -> Findings:
        rows = self._rows()
        self._metrics()
        self.status = self.store.statuses(row.cell for row in rows)
        todo = [row for row in rows if self._has_points(row)]
        drawn = todo
        if sample is not None and sample < len(todo):
            chosen = {row.cell for row in random.SystemRandom().sample(todo, sample)}
            drawn = [row for row in todo if row.cell in chosen]
        by_cell = {row.cell: row for row in drawn}
        with closing(executor.run(self._tasks(drawn), follow)) as records:
            for record in records:
                self._compare(by_cell[record.cell], record)
                follow.cell_done(record)
        self._count(rows, {row.cell for row in todo}, {*by_cell})
        return self.findings

    def _rows(self) -> list[PlanRow]:
        """Every planned cell once; what the plan says is checked for each of its rows."""
        plan = list(self.store.plan())
        for row in plan:
            if not consistency.readable(row):
                self.findings.differ(Where(), "plan", repr(row)[:200], "a row of a plan")
        plan = [row for row in plan if consistency.readable(row)]
        self.images = self.store.images()
        self.known = consistency.check_rows(self.store, plan, self.findings)
        methods = {
            row.row: self.known[row.cell][1]["method"] for row in plan if row.cell in self.known
        }
        labels.check_labels(self.store, plan, methods, self.findings)
        self._targets()
        return list({row.cell: row for row in plan}.values())

    def _targets(self) -> None:
        """Every image's pixels and mask, by content."""
        for name, image in self.images.items():
            files = [pixel_file(self.store.folder, image.digest)]
            if image.mask_digest is not None:
                files.append(mask_file(self.store.folder, image.mask_digest))
            try:
                for file in files:
                    refuse_large(file)
                image.pixels, image.mask  # noqa: B018 (reading them checks them)
            except (StoreError, *_READING) as error:
                self.findings.differ(Where(image=name), "target", str(error), image.digest)

    def _metrics(self) -> None:
        """The folder's metrics: which can be computed here, and which not."""
        for plain in self.store.metrics():
            label = str(plain.get("name"))
            try:
                spec = spec_of(plain, self.store)
            except StoreError as error:
                self.lacked[label] = str(error)
                continue
            reason = code.lacking([spec], self.registry)
            if reason is None:
                self.metrics[label] = spec
            else:
                self.lacked[label] = reason

    def _has_points(self, row: PlanRow) -> bool:
        """Whether a cell's record can be held against its points; what it says is checked."""
        where, findings = Where.of(row), self.findings
        if row.cell not in self.known or row.cell not in self.status:
            return False
        content, method = self.known[row.cell]
        try:
            record = self.store.get(row.cell, files=False)
            if record is None or not (record.objective or record.status == "ok"):
                return False
            if record.status == "ok" and FROM in record.environment and not record.measured:
                why = "a reference's points that were not scored here yet; run the suite again"
                findings.unverifiable.append(Unverifiable(where, "cell", why))
                self.unscored.add(row.cell)
                return False
            consistency.check_record(record, where, content, method, findings)
            self._check_metrics(record)
            return self._possible(row, content, method)
        except (StoreError, *_READING) as error:
            findings.differ(where, "record", str(error), None)
            return False

    def _check_metrics(self, record: Record) -> None:
        """Whether the metrics that a cell has values of can be computed here, and by what."""
        for label in {label for values in record.metrics.values() for label in values}:
            if label in self.lacked:
                self.partly.setdefault(label, set()).add(record.cell)
            elif spec := self.metrics.get(label):
                code.compare_metric(label, spec, record.measured, self.registry, self.findings)

    def _possible(self, row: PlanRow, content: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
        """Whether what the cell's method needs is here."""
        key = content["method"]
        if key not in self.methods:
            method = Method.read(told["method"], row.row)
            self.methods[key] = lacks = code.lacking(used(method), self.registry)
            if lacks is None:
                code.compare(method, told, self.registry, self.findings)
            else:
                cells = sum(own["method"] == key for own, _ in self.known.values())
                self.findings.unverifiable.append(
                    Unverifiable(Where(row=row.row), "cells", lacks, cells)
                )
        if self.methods[key] is None:
            self._check_class(row, content, told)
        return self.methods[key] is None

    def _check_class(
        self, row: PlanRow, content: Mapping[str, Any], told: Mapping[str, Any]
    ) -> None:
        generator = build(Spec.read(told["method"]["generator"]), self.registry)
        if not getattr(generator, "conditional", False) or row.image not in self.images:
            return
        said = self.images[row.image].class_name
        if class_index(said, tuple(generator.classes)) != content["class"]:
            self.findings.differ(Where.of(row), "class", said, content["class"])

    def _tasks(self, rows: Sequence[PlanRow]) -> Iterator[Task]:
        metrics = tuple(self.metrics.items())
        for row in rows:
            try:
                refuse_large(self.store.path("latents", row.cell))
                refuse_large(self.store.path("images", row.cell))
                given = task(self.store, row, self.images[row.image], metrics, self.device)
                check_sizes(given)
            except (StoreError, *_READING) as error:
                self.findings.differ(Where.of(row), "points", str(error), None)
                continue
            yield given

    def _compare(self, row: PlanRow, found: Record) -> None:
        where = Where.of(row)
        if not isinstance(found, Rescored):
            self.findings.differ(where, "points", f"not regenerated: {found.reason}", None)
            return
        try:
            stored = self.store.get(row.cell)
            if stored is None:
                raise StoreError("the record went away")
            recomputed.compare(stored, found, self.metrics, where, self.findings)
        except (StoreError, *_READING) as error:
            self.findings.differ(where, "record", str(error), None)

    def _count(self, rows: Sequence[PlanRow], todo: set[str], drawn: set[str]) -> None:
        """Tell the planned cells by what became of them."""
        findings = self.findings
        wrong = {each.where.cell for each in findings.differences}
        rows_wrong = {each.where.row for each in findings.differences if each.where.cell is None}
        status = self.status
        lacks = {cell for cell, (own, _) in self.known.items() if self.methods.get(own["method"])}
        differ = {r.cell for r in rows if r.cell in wrong or r.row in rows_wrong}
        for label, cells in self.partly.items():
            findings.unverifiable.append(
                Unverifiable(Where(), f"metric {label}", self.lacked[label], len(cells))
            )
        partly = {cell for cells in self.partly.values() for cell in cells}
        lacks |= (partly & drawn) | self.unscored
        findings.cells = {
            "planned": len(rows),
            "verified": len(drawn - differ - lacks),
            "differ": len(differ),
            "unverifiable": len(lacks - differ),
            "without_points": len(status.keys() - todo - differ - lacks),
            "missing": sum(r.cell not in status for r in rows),
            "not_drawn": len(todo - drawn),
        }
