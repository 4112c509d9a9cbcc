"""What came of a suite of one image: of each method the best repeat, its numbers and pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from p2lbench.methodnames import PARTS, title
from p2lbench.models import Models
from p2lbench.oneimage import Job
from p2lbench.pictured import Pictured, pictured
from p2lbench.record import Record
from p2lbench.report.projectiongrid import Block
from p2lbench.report.text import count
from p2lbench.runner import Outcome
from p2lbench.spec import Method
from p2lbench.store import Store


@dataclass(frozen=True)
class Found:
    """A method: its name among those that were run, its row's names, its repeat of lowest objective
    with its record (None: it was not run), and what it found (None unless it is ok)."""

    name: str
    row: tuple[str, ...]
    repeat: int
    record: Record | None
    seen: Pictured | None

    @property
    def objective(self) -> float | None:
        """The selected candidate's."""
        return None if self.seen is None else _selected(self.record)

    @property
    def metrics(self) -> dict[str, float | None]:
        """The selected candidate's, in the original frame."""
        if self.record is None or self.seen is None:
            return {}
        values = self.record.metrics.get("original", {})
        return {name: found[self.seen.selected] for name, found in values.items()}

    def to_json(self) -> dict[str, Any]:
        """An entry of `methods` in the command's document."""
        record, seen = self.record, self.seen
        return {
            **dict(zip(PARTS, self.row, strict=True)),
            "status": None if record is None else record.status,
            "reason": "" if record is None else record.reason,
            "class": None if seen is None else seen.class_name,
            "candidate": None if seen is None else seen.selected,
            "objective": self.objective,
            "metrics": self.metrics,
            "passes": None if record is None else record.ledger.get("passes"),
        }

    def block(self) -> Block | None:
        """As the grid shows it."""
        if self.seen is None:
            return None
        generator, loss = self.row[:2]
        of = count(len(self.seen.images), "candidate")
        kind = f", class {self.seen.class_name}" if self.seen.class_name else ""
        said = f"{generator}{kind} · {loss} of {of}: lowest {self.objective:.3f}"
        numbers = [f"{k} {v:.3f}" for k, v in self.metrics.items() if v is not None]
        return Block(self.name, (said, " · ".join(numbers)), self.seen)


@dataclass(frozen=True)
class Projected:
    """A run of a suite of one image. `methods` in the order of their objectives."""

    job: Job
    outcome: Outcome
    methods: tuple[Found, ...]
    files: list[Path] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The document of `project --json`."""
        image = self.job.suite.images[0]
        return {
            **self.outcome.to_json(),
            "image": str(image.file),
            "mask": self.job.mask,
            "methods": [found.to_json() for found in self.methods],
            "files": [str(path) for path in self.files],
        }


def collect(job: Job, outcome: Outcome, device: str) -> Projected:
    """Read a run's folder, and make the pictures of what its methods found.

    Raises:
        StoreError: the folder cannot be read, or has other points than were stored.
    """
    models = Models(job.plugins.registry, device)
    with Store.open_read(outcome.folder) as store:
        found = tuple(_found(store, job.suite.include, models))
    return Projected(job, outcome, tuple(sorted(found, key=_by_objective)))


def _found(store: Store, methods: Sequence[Method], models: Models) -> Iterator[Found]:
    for method in methods:
        cells = [(row, record) for row, record in store.records() if row.row == method.row]
        row, record = min(cells, key=lambda cell: _rank(cell[1]))
        seen = None
        if record is not None and record.status == "ok" and record.selected is not None:
            seen = pictured(store, row, record, models)
        yield Found(title(method, methods), method.row, row.repeat, record, seen)


def _by_objective(found: Found) -> float:
    return inf if found.objective is None else found.objective


def _rank(record: Record | None) -> tuple[bool, float]:
    value = _selected(record)
    return record is None or record.status != "ok", inf if value is None else value


def _selected(record: Record | None) -> float | None:
    return None if record is None or record.selected is None else record.objective[record.selected]
