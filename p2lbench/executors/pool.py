"""Warm worker processes of this process, lent to one task at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable

from p2lbench.executors.worker import Worker

IDLE_SECONDS = 60.0  # after the last task; then its models make room


class Pool:
    """A process is lent to one task at a time, and kept for the next task of the same kind.

    Never more are alive than were lent at once, and none stays idle for longer than
    `IDLE_SECONDS`. They end when this process does, however it ends. Its methods may be called
    from any thread.
    """

    def __init__(self) -> None:
        self._idle: list[tuple[Hashable, Worker, float]] = []
        self._mutex = threading.Lock()
        self._reaper: threading.Thread | None = None

    def borrow(self, kind: Hashable, spawn: Callable[[], Worker]) -> Worker:
        """An idle process of this kind, else a new one, for which one of another kind ends."""
        with self._mutex:
            same = [entry for entry in self._idle if entry[0] == kind]
            chosen = (same or self._idle)[-1:]
            self._idle = [entry for entry in self._idle if entry not in chosen]
        for known, worker, _ in chosen:
            if known == kind and worker.process.is_alive():
                return worker
            worker.kill()
        return spawn()

    def give_back(self, kind: Hashable, worker: Worker) -> None:
        """Keep a process that has no task any more; one that was killed is forgotten."""
        if not worker.alive:
            return
        with self._mutex:
            self._idle.append((kind, worker, time.monotonic()))
            if self._reaper is None:
                self._reaper = threading.Thread(target=self._reap, daemon=True, name="pool")
                self._reaper.start()

    def _reap(self) -> None:
        while True:
            time.sleep(IDLE_SECONDS / 10)
            oldest = time.monotonic() - IDLE_SECONDS
            with self._mutex:
                old = [entry for entry in self._idle if entry[2] < oldest]
                self._idle = [entry for entry in self._idle if entry[2] >= oldest]
            for _, worker, _ in old:
                worker.stop()
