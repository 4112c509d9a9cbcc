"""One cell after another in this process: for debugging, and to compare with."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import redirect_stdout
from pathlib import Path

from p2lbench.executors.base import Watch
from p2lbench.executors.memory import keep_freed
from p2lbench.models import Models
from p2lbench.plan import Task
from p2lbench.plugins import load
from p2lbench.project import run_cell
from p2lbench.record import Record


class Inline:
    """Deadlines hold at each call of the problem; what hangs between two calls is not stopped."""

    def __init__(self, device: str, plugin_files: Sequence[Path] = ()) -> None:
        self.device, self.plugin_files = device, tuple(plugin_files)

    def run(self, tasks: Iterable[Task], watch: Watch) -> Generator[Record]:
        """See `Executor.run`."""
        keep_freed()
        models = Models(load(self.plugin_files).registry, self.device)
        for task in tasks:
            watch.cell_started(task.cell)
            yield self._one(task, models, watch)

    def _one(self, task: Task, models: Models, watch: Watch) -> Record:
        def progress(passes: int, best: float) -> None:
            watch.cell_progress(task.cell, passes, best)

        # Standard output is the caller's: what a plugin prints is a log.
        with redirect_stdout(sys.stderr):
            return run_cell(task, models, progress)
