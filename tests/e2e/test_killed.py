"""`kill -9` at any moment, and then the same command: nothing is lost, nothing is run twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from e2e.kit import COMMAND, called, command, numbers, written
from executors.clusterkit import children, running, until

from p2lbench.errors import StoreError
from p2lbench.record import Record
from p2lbench.store import Store

ROWS = [
    {"adam": {"steps": 20}},
    {"cma": {"steps": 10}},
    {"basincma": {"outer_steps": 2, "inner_steps": 4, "final_steps": 8}},
    {"nevergrad:OnePlusOne": {"steps": 20}},
]


def committed(folder: Path) -> dict[str, Record]:
    """Every record of a folder that may have been left in any state, seconds and files included."""
    try:
        with Store.open_read(folder) as store:
            found = {row.cell: store.get(row.cell) for row in store.plan()}
    except StoreError as error:
        if "no results here" not in str(error):  # killed before the database was made
            raise
        return {}
    return {cell: record for cell, record in found.items() if record is not None}


def killed(suite: Path, chance: random.Random, whole: float) -> None:
    """Start the command, and kill it or its whole process group at a random moment."""
    process = subprocess.Popen(
        [str(COMMAND), "run", str(suite), "--workers", "2"],
        cwd=suite.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    if chance.random() < 0.3:
        time.sleep(chance.uniform(0, 0.6 * whole))  # loading, planning, starting workers
    else:
        count = len(list(suite.parent.rglob("latents/*.safetensors")))
        fresh = lambda: len(list(suite.parent.rglob("latents/*"))) > count  # noqa: E731
        until(lambda: fresh() or process.poll() is not None, 120)
        time.sleep(chance.uniform(0, 0.5))
    below = children(process.pid)
    with suppress(ProcessLookupError):  # it may have ended
        (os.killpg if chance.random() < 0.5 else os.kill)(process.pid, signal.SIGKILL)
    process.wait()
    until(lambda: not any(map(running, below)), 60)  # orphans notice within a second


def board(folder: Path) -> list[Any]:
    """A leaderboard but for seconds."""
    return [numbers(row) for row in called("leaderboard", folder, "--json").json["rows"]]


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_moments(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder in (whole, parts):
        folder.mkdir()
    suites = [written(folder, optimizers=ROWS, repeats=6) for folder in (whole, parts)]
    began = time.monotonic()
    assert command("run", suites[0], "--workers", "2", cwd=whole).code == 0
    seconds = time.monotonic() - began
    known: dict[str, Record] = {}
    for _ in range(6):
        killed(suites[1], chance, seconds)
        now = committed(parts / "results" / "s")
        assert known.items() <= now.items()  # seconds, too: what was committed did not run again
        known = now
    assert known
    last = command("run", suites[1], "--workers", "2", "--json", cwd=parts)
    assert last.code == 0, last.err
    assert last.json["cells"]["cached"] == len(known)
    assert last.json["cells"]["ok"] == last.json["cells"]["total"] == 24
    done = committed(parts / "results" / "s")
    assert known.items() <= done.items()
    assert board(parts / "results" / "s") == board(whole / "results" / "s")
