"""Warm worker processes, each of which the parent can kill and replace."""

from __future__ import annotations

import pickle
from collections.abc import Generator, Iterable, Sequence
from functools import partial
from pathlib import Path

from p2lbench.executors.base import Watch
from p2lbench.executors.child import packed
from p2lbench.executors.worker import Order, Reply, Worker, replies
from p2lbench.plan import Task
from p2lbench.record import Record


class Processes:
    """Each cell runs in one of `workers` spawned processes, which keep their models loaded.

    `memory`: the bytes that each of them may take; 0: no limit.
    """

    def __init__(
        self, device: str, workers: int, plugin_files: Sequence[Path] = (), *, memory: int = 0
    ) -> None:
        self.device, self.workers, self.memory = device, workers, memory
        self.plugin_files = tuple(plugin_files)

    def run(self, tasks: Iterable[Task], watch: Watch) -> Generator[Record]:
        """See `Executor.run`."""
        waiting = iter(tasks)
        workers: list[Worker] = []
        try:
            for task in waiting:
                workers.append(self._worker(task, watch))
                if len(workers) == self.workers:
                    break
            while workers:
                for worker, reply in replies(workers):
                    yield _record(worker, reply)
                    following = next(waiting, None)
                    if following is None:
                        worker.stop()
                        workers.remove(worker)
                    elif worker.alive:
                        _give(worker, following, watch)
                    else:
                        workers[workers.index(worker)] = self._worker(following, watch)
        finally:
            for worker in workers:
                worker.kill()

    def _worker(self, task: Task, watch: Watch) -> Worker:
        worker = Worker.spawn(self.device, self.plugin_files, self.memory)
        _give(worker, task, watch)
        return worker


def _give(worker: Worker, task: Task, watch: Watch) -> None:
    watch.cell_started(task.cell)
    order = Order(task.cell.id, task.timeout, packed(task))
    worker.give(order, partial(watch.cell_progress, task.cell))


def _record(worker: Worker, reply: Reply) -> Record:
    if reply.refused:
        assert worker.order is not None
        return Record(worker.order.cell, "failed", reply.refused)
    return pickle.loads(reply.record)  # type: ignore[no-any-return]
