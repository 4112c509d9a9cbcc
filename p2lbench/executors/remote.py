"""What a dask worker does: it runs an order in a warm child process of its own."""

from __future__ import annotations

import contextlib
import hashlib
import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from p2lbench.executors import memory
from p2lbench.executors.pool import Pool
from p2lbench.executors.worker import Order, Reply, Worker, replies

LOOK_SECONDS = 0.5  # how soon a child is ended whose cell nobody wants any more
PROGRESS_SECONDS = 2.0  # between two news of a cell, which all pass through the scheduler

_POOL = Pool()


@dataclass(frozen=True)
class PluginFile:
    """A plugin in a single file, by content: machines need not share a file system."""

    path: str
    source: bytes

    @classmethod
    def read(cls, path: Path) -> PluginFile:
        """As it is on this machine."""
        return cls(str(path.resolve()), path.read_bytes())


@dataclass(frozen=True)
class Job:
    """What the orders of a run have in common.

    `topic`: where its workers tell their news. `memory`: the bytes that a cell's process may take;
    0: the worker's part of its machine.
    """

    topic: str
    device: str
    plugins: tuple[PluginFile, ...]
    memory: int = 0


def run(job: Job, order: Order) -> tuple[str, Reply | None]:
    """Run an order in a child process; a dask task.

    Returns: this worker's address, and the reply; None if nobody wants it any more.
    """
    from distributed import get_worker

    dask_worker = get_worker()
    tell = partial(_tell, dask_worker, job.topic, order.cell)
    tell("started", dask_worker.address)
    files = _files(job, Path(dask_worker.local_directory))
    limit = job.memory or memory.share(dask_worker.state.nthreads)
    kind = job.device, files, limit
    child = _POOL.borrow(kind, partial(_spawn, *kind))
    try:
        child.give(order, _rarely(partial(tell, "progress")))
        return str(dask_worker.address), _reply(child, _wanted(dask_worker))
    finally:
        _POOL.give_back(kind, child)


def _reply(child: Worker, wanted: Callable[[], bool]) -> Reply | None:
    while True:
        for _, reply in replies([child], LOOK_SECONDS):
            return reply
        if not wanted():
            child.kill()
            return None


def _spawn(device: str, files: Sequence[Path], limit: int) -> Worker:
    # A nanny's worker is a daemon, which may not have children; these end when it does.
    multiprocessing.current_process().daemon = False
    return Worker.spawn(device, files, limit)


def _wanted(dask_worker: Any) -> Callable[[], bool]:
    """Whether the running task is still to be run, by this worker."""
    from distributed.core import Status

    key = dask_worker.get_current_task()

    def wanted() -> bool:
        task = dask_worker.state.tasks.get(key)
        going = dask_worker.status in (Status.running, Status.paused)
        return going and task is not None and task.state == "executing"

    return wanted


def _tell(dask_worker: Any, topic: str, cell: str, *news: Any) -> None:
    with contextlib.suppress(Exception):  # news are a service; the cell is what counts
        dask_worker.log_event(topic, [cell, *news])


def _rarely(tell: Callable[[int, float], None]) -> Callable[[int, float], None]:
    last = 0.0

    def progress(passes: int, best: float) -> None:
        nonlocal last
        if time.monotonic() - last >= PROGRESS_SECONDS:
            last = time.monotonic()
            tell(passes, float(best))

    return progress


def _files(job: Job, scratch: Path) -> tuple[Path, ...]:
    """The plugins' files on this machine: where they were, if they are there, or written out."""
    return tuple(_file(plugin, scratch) for plugin in job.plugins)


def _file(plugin: PluginFile, scratch: Path) -> Path:
    path = Path(plugin.path)
    with contextlib.suppress(OSError):
        if path.read_bytes() == plugin.source:
            return path
    digest = hashlib.sha256(plugin.path.encode() + b"\0" + plugin.source).hexdigest()
    copy = scratch / f"p2lbench-{digest[:16]}" / path.name
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(copy, plugin.source)
    return copy


def _write_whole(path: Path, data: bytes) -> None:
    beside = path.with_name(f"{path.name}.{time.monotonic_ns()}")
    beside.write_bytes(data)
    beside.replace(path)
