"""Warm worker processes, each of which the parent can kill and replace."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2lbench.executors.base import Watch
from p2lbench.plan import Task
from p2lbench.record import Record

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

LOAD_SECONDS = 300.0  # for importing torch and plugins and reading weights
THREAD_SECONDS = 0.5  # for threads of a cell that ended to end as well
GRACE_SECONDS = 2.0  # a worker notices its deadline itself, if its plugin makes a call


class Processes:
    """Each cell runs in one of `workers` spawned processes, which keep their models loaded."""

    def __init__(self, device: str, workers: int, plugin_files: Sequence[Path] = ()) -> None:
        self.device, self.workers = device, workers
        self.plugin_files = tuple(plugin_files)

    def run(self, tasks: Iterable[Task], watch: Watch) -> Generator[Record]:
        """See `Executor.run`."""
        waiting = iter(tasks)
        workers: list[_Worker] = []
        try:
            for task in waiting:
                workers.append(self._worker(task, watch))
                if len(workers) == self.workers:
                    break
            while workers:
                for worker, record in _outcomes(workers, watch):
                    yield record
                    following = next(waiting, None)
                    if following is None:
                        worker.stop()
                        workers.remove(worker)
                    elif worker.alive:
                        worker.give(following, watch)
                    else:
                        workers[workers.index(worker)] = self._worker(following, watch)
        finally:
            for worker in workers:
                worker.kill()

    def _worker(self, task: Task, watch: Watch) -> _Worker:
        worker = _Worker.spawn(self.device, self.plugin_files)
        worker.give(task, watch)
        return worker


def _outcomes(workers: list[_Worker], watch: Watch) -> list[tuple[_Worker, Record]]:
    """Wait until something happens; the records that came of it."""
    deadline = min(worker.deadline for worker in workers)
    patience = None if deadline == inf else max(0.0, deadline - time.monotonic())
    ready = wait([worker.pipe for worker in workers], patience)
    found = []
    for worker in workers:
        record = worker.read(watch) if worker.pipe in ready else worker.overdue()
        if record is not None:
            found.append((worker, record))
    return found


@dataclass
class _Worker:
    """The parent's end of one child."""

    process: SpawnProcess
    pipe: Connection[Any, Any]
    task: Task | None = None
    deadline: float = inf
    alive: bool = field(default=True)

    @classmethod
    def spawn(cls, device: str, plugin_files: Sequence[Path]) -> _Worker:
        context = multiprocessing.get_context("spawn")
        mine, theirs = context.Pipe()
        arguments = (theirs, device, plugin_files, os.getpid())
        process = context.Process(target=_child, args=arguments, daemon=True)
        with _interrupts_held():
            process.start()
        theirs.close()
        return cls(process, mine)

    def give(self, task: Task, watch: Watch) -> None:
        self.task, self.deadline = task, time.monotonic() + LOAD_SECONDS
        watch.cell_started(task.cell)
        # A child that died in between is found by the next read.
        with suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(task)

    def read(self, watch: Watch) -> Record | None:
        assert self.task is not None
        try:
            kind, *content = self.pipe.recv()
        except (EOFError, OSError):
            return self._died()
        if kind == "done":
            record, haunted = content
            if haunted:
                self.kill()
            return record  # type: ignore[no-any-return]
        if kind == "started":
            self.deadline = time.monotonic() + self.task.timeout + GRACE_SECONDS
        elif kind == "progress":
            watch.cell_progress(self.task.cell, *content)
        return None

    def overdue(self) -> Record | None:
        if time.monotonic() < self.deadline:
            return None
        assert self.task is not None
        self.kill()
        return Record(
            self.task.cell.id, "timeout", f"stopped after {self.task.timeout:g} s by the parent"
        )

    def _died(self) -> Record:
        assert self.task is not None
        self.process.join(5)
        code = self.process.exitcode
        self.kill()
        how = f"signal {signal.Signals(-code).name}" if code and code < 0 else f"exit code {code}"
        return Record(self.task.cell.id, "failed", f"the worker process died ({how})")

    def stop(self) -> None:
        if self.alive:
            with suppress(BrokenPipeError, ConnectionResetError):
                self.pipe.send(None)
            self.process.join(1)
        self.kill()

    def kill(self) -> None:
        self.alive = False
        self.process.kill()
        self.process.join()
        self.pipe.close()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """A child started inside never sees Ctrl-C, not even while it imports; the parent later."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Started first, because starting it unblocks the signal, in the middle of the first child.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _child(
    pipe: Connection[Any, Any], device: str, plugin_files: Sequence[Path], parent: int
) -> None:
    """The worker's side: one task after another until the pipe says stop."""
    # Ctrl-C is the parent's business, and standard output the user's: plugins may only log.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(2, 1)
    threading.Thread(target=_exit_with, args=(parent,), daemon=True).start()
    from p2lbench.executors.memory import keep_freed
    from p2lbench.models import Models
    from p2lbench.plugins import load
    from p2lbench.project import run_cell

    keep_freed()
    models = Models(load(plugin_files).registry, device)
    while (task := _next(pipe)) is not None:
        before = set(threading.enumerate())
        record = run_cell(
            task,
            models,
            progress=lambda passes, best: pipe.send(("progress", passes, best)),
            started=lambda: pipe.send(("started",)),
        )
        pipe.send(("done", record, _left_behind(before)))
    sys.stderr.flush()
    # Without clean-up: threads that a plugin left behind would block a normal exit.
    os._exit(0)


def _left_behind(before: set[threading.Thread]) -> bool:
    """Whether a cell leaves threads, which could do anything to the cells that follow."""
    new = set(threading.enumerate()) - before
    for thread in new:
        thread.join(THREAD_SECONDS / len(new))
    return any(thread.is_alive() for thread in new)


def _next(pipe: Connection[Any, Any]) -> Task | None:
    try:
        return pipe.recv()  # type: ignore[no-any-return]
    except (EOFError, OSError):
        return None


def _exit_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
