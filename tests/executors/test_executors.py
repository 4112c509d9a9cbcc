"""Executors by themselves: lazy, one record per task, nothing left when they are closed."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.kit import FOUR, Silent, tasks, timeless, written

from p2lbench.executors import Inline, Processes
from p2lbench.plan import Task


class Watcher(Silent):
    def __init__(self) -> None:
        self.started: list[str] = []

    def cell_started(self, cell: Any) -> None:
        self.started.append(cell.id)


def lazily(found: list[Task], taken: list[str]) -> Iterator[Task]:
    for task in found:
        taken.append(task.cell.id)
        yield task


@pytest.fixture
def found(tmp_path: Path) -> list[Task]:
    return tasks(
        written(tmp_path, optimizers=[*FOUR[:2], "none", "random"], budget={"passes": 40})
    )[3]


def test_inline_takes_a_task_when_it_is_asked_for_one(found: list[Task], tmp_path: Path) -> None:
    taken: list[str] = []
    watcher = Watcher()
    records = Inline("cpu", (tmp_path / "tiny.py",)).run(lazily(found, taken), watcher)
    first = next(records)
    assert taken == watcher.started == [first.cell] == [found[0].cell.id]
    assert len([first, *records]) == 4
    assert watcher.started == [task.cell.id for task in found]


def test_what_a_plugin_prints_is_a_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugin = """
from p2lbench.api import Optimizer, hookimpl
class Loud(Optimizer):
    def minimize(self, problem):
        print("loud")
        return problem.start
@hookimpl
def register_optimizers(register):
    register("loud", Loud)
"""
    found = tasks(written(tmp_path, plugin, optimizers=["loud"]))[3]
    files = (tmp_path / "tiny.py", tmp_path / "more.py")
    (record,) = Inline("cpu", files).run(found, Silent())
    out, err = capsys.readouterr()
    assert (record.status, out, err) == ("ok", "", "loud\n")
    assert sys.stdout is not sys.stderr


def test_processes_are_gone_when_it_is_closed(found: list[Task], tmp_path: Path) -> None:
    taken: list[str] = []
    files = (tmp_path / "tiny.py",)
    records = Processes("cpu", 1, files).run(lazily(found, taken), Silent())
    first = next(records)
    (child,) = multiprocessing.active_children()
    records.close()
    assert not child.is_alive()
    assert len(taken) <= 2
    (same,) = Inline("cpu", files).run(found[:1], Silent())
    assert timeless(first) == timeless(same)


def test_no_tasks_no_workers() -> None:
    assert list(Processes("cpu", 2).run([], Silent())) == []
    assert list(Inline("cpu").run([], Silent())) == []
    assert multiprocessing.active_children() == []
