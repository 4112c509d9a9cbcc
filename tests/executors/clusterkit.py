"""A dask cluster of processes on this machine: a scheduler, and workers that tests may kill."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DASK = [sys.executable, "-m", "dask"]


def until(true: Callable[[], Any], seconds: float = 60) -> Any:
    """What `true` returns once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.05)
    return found


def running(pid: int) -> bool:
    """Whether there is such a process, and not merely its remains."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def children(pid: int) -> list[int]:
    """Processes that a process has started, of any depth."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for each in map(int, task.read_text().split()):
            found += [each, *children(each)]
    return found


def cell_processes(pid: int) -> list[int]:
    """Those below a process that run cells."""
    return [each for each in children(pid) if b"spawn_main" in cmdline(each) and not children(each)]


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


class Cluster:
    """A scheduler and its workers, in processes of their own."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "scheduler.json"
        words = ["scheduler", "--scheduler-file", file, "--host", "127.0.0.1", "--port", "0"]
        self.scheduler = self._start("scheduler", *words, "--no-dashboard", **environment)
        until(lambda: file.exists() and file.read_text())
        self.address: str = json.loads(file.read_text())["address"]
        self.workers: list[subprocess.Popen[bytes]] = []

    def worker(self, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        """Another worker with one thread; without a nanny, unless `--nanny` is said."""
        nanny = words if "--nanny" in words else ("--no-nanny", *words)
        process = self._start(
            f"worker{len(self.workers)}",
            *("worker", self.address, "--nthreads", "1", "--no-dashboard"),
            *("--local-directory", self.folder / "scratch", *nanny),
            **environment,
        )
        self.workers.append(process)
        return process

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.terminate()
        for process in (*self.workers, self.scheduler):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, name: str, *words: Any, **environment: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [*DASK, *map(str, words)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,  # python -m looks there first
                env={**os.environ, **environment},
            )


@contextmanager
def cluster(folder: Path, workers: int = 0, **environment: str) -> Iterator[Cluster]:
    """A scheduler with so many workers."""
    made = Cluster(folder, **environment)
    try:
        for _ in range(workers):
            made.worker()
        yield made
    finally:
        made.close()
