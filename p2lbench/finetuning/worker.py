"""The trade-off in a process of its own: whatever a plugin does there, its parent goes on."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2lbench.executors.worker import LOAD_SECONDS, interrupts_held
from p2lbench.finetuning.jobs import Job
from p2lbench.finetuning.wanted import Wanted

if TYPE_CHECKING:
    from torch import nn

    from p2lbench.models import Models
    from p2lbench.projection import Projection
    from p2lbench.registry import Registry
    from p2lbench.spec import Spec
    from p2lbench.store import Store

Found = tuple[dict[str, Any], bytes]  # an entry and its picture
_LONGEST = 1e6  # seconds; the system waits for no more at a time


def worked(
    folder: Path,
    todo: Sequence[Job],
    wanted: Wanted,
    device: str,
    plugin_files: Sequence[Path],
    timeout: float,
) -> Generator[Found]:
    """The entries in order. One that raises, hangs or ends its process is one with a reason."""
    left = list(todo)
    while left:
        child = _spawned(folder, left, wanted, device, plugin_files)
        try:
            patience = LOAD_SECONDS + timeout
            while left:
                found, alive = _answer(child, patience), True
                if isinstance(found, str):
                    found, alive = (failed(left[0], found), b""), False
                patience = timeout
                del left[0]
                yield found
                if not alive:
                    break
        finally:
            child.process.kill()
            child.process.join()
            child.pipe.close()


def failed(job: Job, reason: str) -> dict[str, Any]:
    """The entry of a job that came to nothing."""
    return {**job.plain(), "status": "failed", "reason": reason}


@dataclass
class _Child:
    process: Any
    pipe: Connection[Any, Any]


def _spawned(
    folder: Path, todo: Sequence[Job], wanted: Wanted, device: str, files: Sequence[Path]
) -> _Child:
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    arguments = (theirs, folder, todo, wanted, device, files)
    process = context.Process(target=main, args=arguments, daemon=True)
    with interrupts_held():
        process.start()
    theirs.close()
    return _Child(process, mine)


def _answer(child: _Child, patience: float) -> Found | str:
    """What the child sent, or why it will send nothing."""
    try:
        if not child.pipe.poll(min(patience, _LONGEST)):
            return f"stopped after {patience:g} s"
        found: Found = child.pipe.recv()
        return found
    except (EOFError, OSError):
        child.process.join(5)
        return f"the worker process died (exit code {child.process.exitcode})"


def main(
    pipe: Connection[Any, Any],
    folder: Path,
    todo: Sequence[Job],
    wanted: Wanted,
    device: str,
    plugin_files: Sequence[Path],
) -> None:
    """Send an entry and its picture for each of the jobs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(2, 1)
    from p2lbench.executors.memory import keep_freed
    from p2lbench.plugins import load
    from p2lbench.store import Store

    keep_freed()
    registry = load(plugin_files).registry
    with suppress(BrokenPipeError, ConnectionResetError), Store.open_read(folder) as store:
        for found in Study(store, registry, wanted, device).entries(todo):
            pipe.send(found)
    sys.stderr.flush()
    os._exit(0)


class Study:
    """Fine-tunes and edits, job after job; what is loaded is shared among them."""

    def __init__(self, store: Store, registry: Registry, wanted: Wanted, device: str) -> None:
        from p2lbench.models import Models

        self.store, self.registry, self.wanted = store, registry, wanted
        self.models: Models = Models(registry, device)
        self._judges: dict[str, nn.Module] | None = None

    def entries(self, todo: Sequence[Job]) -> Generator[Found]:
        """One for each job; whatever a plugin raises is its reason."""
        from p2lbench.recording import describe

        for job in todo:
            try:
                yield self._entry(job)
            except Exception as error:
                yield failed(job, describe(error)), b""

    def _entry(self, job: Job) -> Found:
        from p2lbench.finetuning.descent import copies, restore
        from p2lbench.projection import of_cell

        projection = of_cell(
            self.store, self.registry, job.row, job.candidate, self.models.device, self.models
        )
        weights = dict(projection.setting.generator.parameters())
        base = copies(weights)
        try:
            return self._treated(job, projection)
        finally:
            restore(weights, base)

    def _treated(self, job: Job, projection: Projection) -> Found:
        from p2lbench.finetuning import editing
        from p2lbench.finetuning.descent import descend
        from p2lbench.record_json import clean
        from p2lbench.recording import strip

        options, told = job.variant.options, dict[str, Any]()
        if options is None:
            told = {"loss": {"before": projection.loss(), "after": projection.loss()}}
            told |= {"distance": 0.0, "steps": 0, "seconds": 0.0, "reached": None}
        else:
            tuned = descend(projection, options)
            projection = tuned.projection
            told = {"loss": {"before": tuned.losses[0], "after": tuned.losses[-1]}}
            told |= {"distance": tuned.distances[-1], "steps": len(tuned.losses) - 1}
            told |= {"seconds": round(tuned.seconds, 3), "reached": tuned.reached}
        classes = editing.targets(projection, self.wanted.classes)
        edits, images = editing.measured(projection, classes, self.judges)
        entry = {
            **job.plain(),
            "status": "ok",
            **told,
            "metrics": self._metrics(projection),
            "edits": edits,
        }
        return clean(entry), strip(images)

    @property
    def judges(self) -> dict[str, nn.Module]:
        """The classifiers, loaded when they are first asked for."""
        if self._judges is None:
            from p2lbench.finetuning import editing

            self._judges = editing.classifiers(self.wanted.classifiers, self.models.device)
        return self._judges

    def _metrics(self, projection: Projection) -> dict[str, float | None]:
        """In the original frame, inside the mask."""
        from p2lbench.scoring import score

        setting = projection.setting
        scores = score(setting.objective, projection.point, self._specs(), self.models)
        return {name: values[0] for name, values in scores.values["original"].items()}

    def _specs(self) -> list[tuple[str, Spec]]:
        from p2lbench.measured import spec_of

        return [(plain["name"], spec_of(plain, self.store)) for plain in self.store.metrics()]
