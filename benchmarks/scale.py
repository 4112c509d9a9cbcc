"""What a large suite costs beside its cells: planning, storing, resuming, the leaderboard.

Each question is asked in a process of its own, on a suite whose cells are never run: the records
are copies of one real cell's. Time is the processor's, per cell, since other programs may run; only
`put`, which waits for the disk, is told in seconds of the clock. Memory is what the process has at
its peak beyond what it had before. `workers` runs a short suite in one and in two
worker processes.

    .venv/bin/python benchmarks/scale.py [--cells 100000] [--only plan,start,...] [--folder DIR]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from p2lbench import leaderboard, record_json, runner
from p2lbench.executors import Inline, Processes
from p2lbench.plan import Plan, Task, plan
from p2lbench.plugins import Plugins
from p2lbench.record import Record
from p2lbench.rescoring import metric_keys, truth_key
from p2lbench.store import Store
from p2lbench.suite import load

QUESTIONS = ("plan", "start", "put", "fill", "resume", "leaderboard", "workers")
IMAGES, METHODS = 50, 40
PUTS = 300

PLUGIN = """
import torch
from p2lbench.api import Generator, Variable, hookimpl

class Tiny(Generator):
    size = 16
    variables = (Variable("z", (8,), bound=2.0, step=0.05),)
    def load(self, device):
        drawn = torch.Generator().manual_seed(7)
        self.map = torch.randn(8, 3 * 16 * 16, generator=drawn).mul(0.3).to(device)
    def forward(self, z):
        return torch.tanh(z @ self.map).view(-1, 3, 16, 16)

@hookimpl
def register_generators(register):
    register("tiny", Tiny)
"""


class Silent:
    """Follows a run and says nothing."""

    def cell_started(self, cell: Any) -> None: ...
    def cell_progress(self, cell: Any, passes: int, best: float) -> None: ...
    def warn(self, message: str) -> None: ...
    def cell_done(self, record: Record, cached: bool = False) -> None: ...


class Copies:
    """An executor that answers every task with a copy of one record, and stops after `most`."""

    def __init__(self, record: Record, most: int) -> None:
        self.record, self.most = record, most
        self.began: float | None = None  # seconds of the processor before the first task
        self.first: float | None = None  # seconds of the clock, as of the last one
        self.last: float | None = None

    def run(self, tasks: Iterable[Task], watch: Any) -> Iterator[Record]:
        for k, task in enumerate(tasks):
            self.began = self.began or time.process_time()
            self.first = self.first or time.perf_counter()
            if k == self.most:
                self.last = time.perf_counter()
                return
            yield replace(self.record, cell=task.cell.id)


def written(folder: Path, cells: int, steps: int = 2) -> Path:
    """A suite of so many cells, on images and a generator of its own."""
    rng = np.random.default_rng(0)
    (folder / "tiny.py").write_text(PLUGIN)
    names = [f"{k}.png" for k in range(min(IMAGES, cells))]
    for name in names:
        pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    rows = min(METHODS, max(1, cells // len(names)))
    optimizers = [{"adam": {"steps": steps, "lr": 0.01 * (k + 1)}} for k in range(rows)]
    suite = {
        "name": "scale",
        "images": names,
        "generators": ["tiny"],
        "losses": ["l1"],
        "metrics": ["l1", "l2", "psnr", "mae", "mse"],
        "optimizers": [{**row, "as": f"adam-{k}"} for k, row in enumerate(optimizers)],
        "candidates": 4,
        "repeats": max(1, cells // (len(names) * rows)),
        "plugins": ["tiny.py"],
    }
    file = folder / "scale.yaml"
    file.write_text(json.dumps(suite))
    return file


def planned(folder: Path) -> tuple[Plan, Plugins]:
    suite, plugins = load(folder / "scale.yaml")
    return plan(suite, plugins), plugins


def sample(folder: Path) -> Record:
    """One real cell's record, with its files."""
    found, plugins = planned(folder)
    executor = Inline("cpu", found.suite.plugin_files)
    with tempfile.TemporaryDirectory(dir=folder) as results:
        outcome = runner.run(found, plugins.registry, executor, Path(results), Silent(), limit=1)
        with Store.open_read(outcome.folder) as store:
            record = store.get(next(found.cells()).id)
    assert record is not None
    return record


def ask_plan(folder: Path) -> dict[str, float]:
    """Every id of the plan."""
    planned(folder)
    base, began = peak(), time.process_time()
    found, _ = planned(folder)
    count = sum(1 for _ in found.cells())
    return figures(began, base, count)


def ask_start(folder: Path) -> dict[str, float]:
    """From the plan to the first cell, in a new folder."""
    found, plugins = planned(folder)
    executor = Copies(Record("0", "failed"), 0)
    base, began = peak(), time.process_time()
    with tempfile.TemporaryDirectory(dir=folder) as results:
        runner.run(found, plugins.registry, executor, Path(results), Silent())
    return figures(began, base, len(found), executor.began or 0.0)


def ask_put(folder: Path) -> dict[str, float]:
    """What the run takes for a record: from the executor into the store, files included."""
    found, plugins = planned(folder)
    executor = Copies(sample(folder), PUTS)
    with tempfile.TemporaryDirectory(dir=folder) as results:
        runner.run(found, plugins.registry, executor, Path(results), Silent())
    assert executor.first is not None
    assert executor.last is not None
    per_cell = (executor.last - executor.first) / PUTS
    return {"cells": PUTS, "milliseconds per cell": per_cell * 1e3}


def ask_fill(folder: Path) -> dict[str, float]:
    """Not a question: fills a folder, without files, for the questions that follow."""
    found, plugins = planned(folder)
    record, results = sample(folder), folder / "results"
    base, began = peak(), time.process_time()
    runner.run(found, plugins.registry, Copies(record, 0), results, Silent())
    metrics = zip(found.suite.metric_labels, found.suite.metrics, strict=True)
    keys = metric_keys(metrics, plugins.registry)
    with Store.create_or_open(results / "scale", "scale") as store:
        truth = {i.name: truth_key(i, plugins.registry) for i in found.suite.images}
        with store._transaction():
            store._database.executemany(
                "INSERT INTO records VALUES (?, ?, ?, ?, '', '')", rows(found, record, keys, truth)
            )
    return figures(began, base, len(found))


def rows(found: Plan, record: Record, keys: Any, truth: Any) -> Iterator[tuple[str, ...]]:
    rng = np.random.default_rng(0)
    trace = record_json.trace(record)
    for cell in found.cells():
        factor = float(rng.lognormal(0, 0.1))
        metrics = {
            frame: {name: tuple(v * factor for v in values) for name, values in table.items()}
            for frame, table in record.metrics.items()
        }
        measured = {**keys, runner.TRUTH: truth[cell.image.name]}
        own = replace(record, cell=cell.id, metrics=metrics, measured=measured)
        yield cell.id, "ok", record_json.body(own), trace


def ask_resume(folder: Path) -> dict[str, float]:
    """A run that finds all its cells in the folder."""
    found, plugins = planned(folder)
    base, began = peak(), time.process_time()
    executor = Copies(Record("0", "failed"), 0)
    outcome = runner.run(found, plugins.registry, executor, folder / "results", Silent())
    if outcome.cells["cached"] != len(found):
        raise SystemExit(f"not all cells were found: {outcome.cells}")
    return figures(began, base, len(found))


def ask_leaderboard(folder: Path) -> dict[str, float]:
    """The leaderboard of a folder, worked out."""
    base, began = peak(), time.process_time()
    with Store.open_read(folder / "results" / "scale") as store:
        board = leaderboard.load(store)
    count = sum(len(row.complete) for row in board.rows) * board.suite.repeats
    return figures(began, base, count)


def ask_workers(folder: Path) -> dict[str, float]:
    """Cells per second of two workers, to twice those of one."""
    seconds = {}
    with tempfile.TemporaryDirectory(dir=folder) as own:
        found, plugins = load(written(Path(own), 64, steps=400))
        made = plan(found, plugins)
        for workers in (1, 2):
            executor = Processes("cpu", workers, found.plugin_files)
            began = time.perf_counter()
            runner.run(made, plugins.registry, executor, Path(own) / str(workers), Silent())
            seconds[workers] = time.perf_counter() - began
    return {"one": seconds[1], "two": seconds[2], "efficiency": seconds[1] / (2 * seconds[2])}


def peak() -> float:
    """The most memory that this process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def figures(began: float, base: float, count: int, ended: float = 0.0) -> dict[str, float]:
    seconds = (ended or time.process_time()) - began
    return {
        "cells": count,
        "seconds": seconds,
        "microseconds per cell": seconds / count * 1e6,
        "MB": peak() - base,
        "bytes per cell": (peak() - base) * 1e6 / count,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--only", default=",".join(QUESTIONS))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--question", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.question:
        print(json.dumps(globals()[f"ask_{given.question}"](given.folder)))
        return
    folder = given.folder or Path(tempfile.mkdtemp(prefix="p2lbench-scale-"))
    folder.mkdir(parents=True, exist_ok=True)
    written(folder, given.cells)
    for question in given.only.split(","):
        words = [sys.executable, __file__, "--question", question, "--folder", str(folder)]
        answer = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)
        print(f"{question:<12}" + "  ".join(f"{k} {v:,.6g}" for k, v in answer.items()), flush=True)


if __name__ == "__main__":
    main()
