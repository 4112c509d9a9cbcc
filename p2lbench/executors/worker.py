"""The parent's end of one warm worker process: hands it tasks, and kills it when time is over."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2lbench.executors import child, memory
from p2lbench.record import Record, Status

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

LOAD_SECONDS = 300.0  # for importing torch and plugins and reading weights
LOOK_SECONDS = 1.0  # between two looks at the memory that a worker takes
GRACE_SECONDS = 2.0  # a worker notices its deadline itself, if its plugin makes a call

Progress = Callable[[int, float], None]


@dataclass(frozen=True)
class Order:
    """A task on its way to a worker process; `payload`: what `child.packed` made of it."""

    cell: str
    timeout: float
    payload: bytes


@dataclass(frozen=True)
class Reply:
    """What came of an order: a pickled `Record`, or why the child would not run it."""

    record: bytes = b""
    refused: str = ""


@dataclass
class Worker:
    """One child process. It is given an order, then asked by `replies` until there is a reply."""

    process: SpawnProcess
    pipe: Connection[Any, Any]
    order: Order | None = None
    progress: Progress | None = None
    deadline: float = inf
    limit: int = 0  # bytes of memory it may take; 0: no limit
    looked: float = -inf
    alive: bool = field(default=True)

    @classmethod
    def spawn(cls, device: str, plugin_files: Sequence[Path], limit: int = 0) -> Worker:
        """Start a child, which loads its plugins at once, and may take `limit` bytes of memory."""
        context = multiprocessing.get_context("spawn")
        mine, theirs = context.Pipe()
        arguments = (theirs, device, plugin_files, os.getpid())
        process = context.Process(target=child.main, args=arguments, daemon=True)
        with interrupts_held():
            process.start()
        theirs.close()
        return cls(process, mine, limit=limit)

    def give(self, order: Order, progress: Progress | None = None) -> None:
        """Hand over an order; the child must have no other."""
        self.order, self.progress = order, progress
        self.deadline = time.monotonic() + LOAD_SECONDS
        # A child that died in between is found by the next read.
        with suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send_bytes(order.payload)

    def read(self) -> Reply | None:
        """The next message of the child; a reply if it was the last one of its order."""
        assert self.order is not None
        try:
            kind, *content = self.pipe.recv()
            if kind == "done":
                record = self.pipe.recv_bytes()
                if content[0]:
                    self.kill()
                return Reply(record)
        except (EOFError, OSError):
            return self._died()
        if kind == "refused":
            self.kill()
            return Reply(refused=content[0])
        if kind == "started":
            self.deadline = time.monotonic() + self.order.timeout + GRACE_SECONDS
        elif kind == "progress" and self.progress is not None:
            self.progress(*content)
        return None

    def exceeded(self) -> Reply | None:
        """Kill the child if its time is over, or if it takes more memory than it may."""
        assert self.order is not None
        now = time.monotonic()
        if now >= self.deadline:
            self.kill()
            return self._ended("timeout", f"stopped after {self.order.timeout:g} s by the parent")
        if not self.limit or now < self.looked + LOOK_SECONDS:
            return None
        self.looked = now
        taken = memory.resident(self.process.pid) or 0
        if taken <= self.limit:
            return None
        self.kill()
        return self._ended(
            "failed",
            f"its process took {taken / 1e9:.2f} GB of memory, more than the limit of "
            f"{self.limit / 1e9:.2f} GB (--memory-limit)",
        )

    def stop(self) -> None:
        """Let the child end by itself; for one that has no order."""
        if self.alive:
            with suppress(BrokenPipeError, ConnectionResetError):
                self.pipe.send(None)
            self.process.join(1)
        self.kill()

    def kill(self) -> None:
        """End the child, whatever it does. May be called twice."""
        self.alive = False
        self.process.kill()
        self.process.join()
        self.pipe.close()

    def _died(self) -> Reply:
        self.process.join(5)
        code = self.process.exitcode
        self.kill()
        how = f"signal {signal.Signals(-code).name}" if code and code < 0 else f"exit code {code}"
        return self._ended("failed", f"the worker process died ({how})")

    def _ended(self, status: Status, reason: str) -> Reply:
        assert self.order is not None
        return Reply(pickle.dumps(Record(self.order.cell, status, reason)))


def replies(workers: Sequence[Worker], patience: float = inf) -> list[tuple[Worker, Reply]]:
    """Wait until something happens, for `patience` seconds at most; the replies that came of it."""
    deadline = min(worker.deadline for worker in workers)
    if any(worker.limit for worker in workers):
        patience = min(patience, LOOK_SECONDS)
    seconds = min(patience, max(0.0, deadline - time.monotonic()))
    ready = wait([worker.pipe for worker in workers], None if seconds == inf else seconds)
    found = []
    for worker in workers:
        reply = worker.read() if worker.pipe in ready else None
        reply = reply or worker.exceeded()
        if reply is not None:
            found.append((worker, reply))
    return found


@contextmanager
def interrupts_held() -> Iterator[None]:
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
