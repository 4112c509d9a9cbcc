"""What an executor is."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Protocol

from p2lbench.plan import Cell, Task
from p2lbench.record import Record


class Watch(Protocol):
    """Somebody who follows a run."""

    def cell_started(self, cell: Cell) -> None:
        """A cell was handed to a worker."""

    def cell_progress(self, cell: Cell, passes: int, best: float) -> None:
        """Passes spent and the best objective so far."""

    def warn(self, message: str) -> None:
        """Something the user should know, though the run goes on."""


class Executor(Protocol):
    """Runs tasks, and yields one record for each, in any order."""

    def run(self, tasks: Iterable[Task], watch: Watch) -> Generator[Record]:
        """Takes tasks only as there is room for them. Closing the iterator stops the workers."""
