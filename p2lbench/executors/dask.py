"""Cells on the workers of a dask cluster, each in a child process that its worker can kill."""

from __future__ import annotations

import pickle
import queue
import time
import uuid
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from p2lbench.executors.agreement import Agreement
from p2lbench.executors.base import Watch
from p2lbench.executors.child import packed
from p2lbench.executors.cluster import ClusterError, connected, local_cluster
from p2lbench.executors.remote import Job, PluginFile, run
from p2lbench.executors.worker import Order, Reply
from p2lbench.plan import Task
from p2lbench.record import Record
from p2lbench.registry import Registry

Client = Any  # of distributed, which is an extra
Future = Any

AHEAD = 2  # orders on their way per slot of a worker: one runs, one waits
LOOK_SECONDS = 5.0  # between two looks at which workers there are
RESULT_SECONDS = 10.0  # for a reply to come from its worker, before others are served


class Dask:
    """Runs cells on the cluster of `scheduler`, or on `workers` local processes without one.

    Only so many orders are under way as keep the workers busy. A worker that has other code or
    weights than the plan was made with gets no cells. With a scheduler, cells of the device cuda
    ask for the resource GPU. `memory`: the bytes that a cell's process may take; 0: its part of the
    machine, by the threads of its worker.
    """

    def __init__(
        self,
        device: str,
        registry: Registry,
        plugin_files: Sequence[Path] = (),
        *,
        scheduler: str | None = None,
        workers: int = 1,
        memory: int = 0,
    ) -> None:
        self.device, self.registry = device, registry
        self.plugin_files = tuple(plugin_files)
        self.scheduler, self.workers, self.memory = scheduler, workers, memory

    def run(self, tasks: Iterable[Task], watch: Watch) -> Generator[Record]:
        """See `Executor.run`.

        Raises:
            ClusterError: the scheduler cannot be reached, went away, or has no worker that fits.
        """
        waiting = iter(tasks)
        first = next(waiting, None)
        if first is None:
            return
        with self._client() as client:
            plugins = tuple(map(PluginFile.read, self.plugin_files))
            job = Job(_name(), self.device, plugins, self.memory)
            gpu = self.scheduler is not None and self.device.startswith("cuda")
            driver = _Driver(client, job, Agreement(self.registry), watch, gpu)
            try:
                yield from driver.records(chain([first], waiting))
            finally:
                driver.cancel()

    @contextmanager
    def _client(self) -> Iterator[Client]:
        if self.scheduler is not None:
            with connected(self.scheduler) as client:
                yield client
        else:
            with local_cluster(self.workers) as client:
                yield client


@dataclass
class _Flight:
    """A task on its way, under the key that its future has now."""

    task: Task
    order: Order
    worker: str = ""  # the one that last began with it
    begun: int = 0
    spared: bool = False  # from being blamed for the deaths of workers


@dataclass
class _Driver:
    """One run's traffic with the cluster. Everything that arrives goes through one queue, so that
    the watch and the records are this thread's alone."""

    client: Client
    job: Job
    agreement: Agreement
    watch: Watch
    gpu: bool
    flying: dict[Future, _Flight] = field(default_factory=dict)
    arrivals: queue.SimpleQueue[Any] = field(default_factory=queue.SimpleQueue)
    refused: dict[str, str] = field(default_factory=dict)  # worker's address → why
    slots: int = 0
    looked: float = float("-inf")
    said: bool = False  # that no worker is there

    def __post_init__(self) -> None:
        self.address = self.client.scheduler.address  # a client that lost it knows no more

    def records(self, tasks: Iterable[Task]) -> Iterator[Record]:
        topic = self.job.topic
        self.client.subscribe_topic(topic, lambda event: self.arrivals.put(event[1]))
        waiting, task = iter(tasks), None
        more = True
        while more or self.flying:
            self._look()
            while more and len(self.flying) < max(1, AHEAD * self.slots):
                if (task := next(waiting, None)) is None:
                    more = False
                else:
                    self._send(self._flight(task))
            if self.flying:
                yield from self._arrived()

    def cancel(self) -> None:
        """Nothing that is under way is wanted any more; children end within a second."""
        if self.client.status != "running":  # the scheduler is gone; then they end by themselves
            return
        with suppress(Exception):
            self.client.cancel(list(self.flying), force=True)
            self.client.unsubscribe_topic(self.job.topic)

    def _flight(self, task: Task) -> _Flight:
        payload = packed(task, self.agreement.identity(task))
        return _Flight(task, Order(task.cell.id, task.timeout, payload))

    def _send(self, flight: _Flight) -> None:
        options: dict[str, Any] = {"resources": {"GPU": 1}} if self.gpu else {}
        if self.refused:
            options["workers"] = self._fitting()
        key = f"p2lbench-{uuid.uuid4().hex}"
        future = self.client.submit(
            run, self.job, flight.order, key=key, pure=False, retries=0, **options
        )
        self.flying[future] = flight
        future.add_done_callback(self.arrivals.put)

    def _fitting(self) -> list[str]:
        """The workers that have not refused a cell. Raises: ClusterError if there are none."""
        fitting = [address for address in self._workers() if address not in self.refused]
        if not fitting:
            address, why = next(iter(self.refused.items()))
            raise ClusterError(
                f"no worker of {self.address} would run what the plan promises: "
                f"on {address}, {why}. Install the same there as here, and start the workers again"
            )
        return fitting

    def _workers(self) -> dict[str, Any]:
        try:
            return dict(self.client.scheduler_info()["workers"])
        except Exception as error:  # whichever of its exceptions a lost connection ends in
            raise self._lost() from error

    def _look(self) -> None:
        """See which workers there are now; those that join later are used."""
        if time.monotonic() - self.looked < LOOK_SECONDS:
            return
        self.slots = sum(map(self._slots, self._workers().values()))
        self.looked = time.monotonic()
        if self.slots == 0 and not self.said:
            self.said = True
            having = " with the resource GPU (--resources GPU=1)" if self.gpu else ""
            self.watch.warn(f"waiting for dask workers{having} …")

    def _slots(self, worker: dict[str, Any]) -> int:
        threads = int(worker["nthreads"])
        return min(threads, int(worker["resources"].get("GPU", 0))) if self.gpu else threads

    def _arrived(self) -> Iterator[Record]:
        """What arrives next, if it does within a second."""
        try:
            arrival = self.arrivals.get(timeout=1.0)
        except queue.Empty:
            return
        if isinstance(arrival, (list, tuple)):
            self._news(*arrival)
        elif arrival in self.flying:
            record = self._landed(arrival)
            if record is not None:
                yield record

    def _news(self, cell: str, kind: str, *content: Any) -> None:
        for flight in self.flying.values():
            if flight.order.cell != cell:
                continue
            if kind == "started":
                flight.worker = content[0]
                flight.begun += 1
                self.watch.cell_started(flight.task.cell)
            else:
                self.watch.cell_progress(flight.task.cell, *content)

    def _landed(self, future: Future) -> Record | None:
        """A finished future's record; None if its cell has to be run elsewhere."""
        if future.status in ("cancelled", "lost"):
            raise self._lost()
        try:
            worker, reply = future.result(timeout=RESULT_SECONDS)
        except TimeoutError:  # its worker died with the reply: the scheduler has it run again
            future.add_done_callback(self.arrivals.put)
            return None
        except Exception as error:  # whatever was raised there, or on the way
            return self._raised(self.flying.pop(future), error)
        flight = self.flying.pop(future)
        if reply is None or reply.refused:
            self._refused(worker, reply)
            self._send(flight)
            return None
        record: Record = pickle.loads(reply.record)
        return record

    def _refused(self, worker: str, reply: Reply | None) -> None:
        if reply is not None and worker not in self.refused:
            self.refused[worker] = reply.refused
            self.watch.warn(f"no cells for the worker {worker}: {reply.refused}")

    def _raised(self, flight: _Flight, error: Exception) -> Record | None:
        from distributed import KilledWorker

        if isinstance(error, KilledWorker):
            return self._killed(flight, error)
        if self.client.status != "running":
            raise self._lost() from error
        if isinstance(error, ImportError) or "deserializ" in str(error):
            raise ClusterError(
                f"the scheduler or a worker of {self.address} cannot run "
                f"p2lbench ({error}). Install the same p2lbench there as here"
            ) from error
        why = f"the dask worker {flight.worker} raised {type(error).__name__}: {error}"
        return Record(flight.order.cell, "failed", why)

    def _killed(self, flight: _Flight, error: Any) -> Record | None:
        deaths = error.allowed_failures + 1
        # What only waited on workers that others killed is not to blame.
        if flight.begun < deaths and not flight.spared:
            flight.spared = True
            self._send(flight)
            return None
        why = f"{deaths} dask workers died while it ran there, the last one {flight.worker}"
        return Record(flight.order.cell, "failed", why)

    def _lost(self) -> ClusterError:
        return ClusterError(
            f"the dask scheduler {self.address} is gone, or cancelled this run. "
            "What was finished is kept; run the same command again to go on"
        )


def _name() -> str:
    return f"p2lbench-{uuid.uuid4().hex}"
