"""A published folder, moved away from where it was made, and what an author's suite is made of."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from e2e.kit import PHOTOS, TINY, Ran, called, written

THEIRS = """
from p2lbench.api import Optimizer, hookimpl

class Steps(Optimizer):
    def minimize(self, problem):
        x = problem.start.clone()
        for _ in range(4):
            _, slope = problem.gradient(x)
            x = problem.clamp(x - SIZE * slope.sign())
        return x

@hookimpl
def register_optimizers(register):
    register("NAME", Steps)
"""
MINE = THEIRS.replace("NAME", "mine").replace("SIZE", "0.1")
THEIRS = THEIRS.replace("NAME", "theirs").replace("SIZE", "0.02")
IMAGES = [str(PHOTOS / f"{name}.png") for name in ("bag-126", "dress-75", "trouser-24")]
OWN: list[Any] = ["mine"]
STORED: list[Any] = [{"adam": {"steps": 3}}, {"cma": {"steps": 2}}, "theirs"]


def ran(suite: Path, *more: object) -> Ran:
    """`p2lbench run` in this process, with results beside the suite."""
    results = suite.parent / "results"
    return called("run", suite, "--results", results, "--executor", "inline", "--json", *more)


def published(folder: Path, **keys: Any) -> Path:
    """The results of suite `a`, in a place of their own, without the suite and its plugins."""
    folder.mkdir(parents=True)
    keys = {"images": IMAGES, "optimizers": STORED, "budget": {"passes": 60}, **keys}
    done = ran(written(folder, THEIRS, name="a", **keys))
    assert done.code == 0, done.err
    place = folder.parent / f"{folder.name}-published"
    shutil.move(folder / "results" / "a", place)
    shutil.rmtree(folder)
    return place


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not to be changed."""
    return published(tmp_path_factory.mktemp("reference") / "a")


@pytest.fixture
def reference(shared: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(shared, tmp_path / "copy"))


@pytest.fixture
def author(tmp_path: Path, shared: Path) -> Callable[..., Path]:
    """Writes the author's suite `b`, which names the published folder."""

    def made(**keys: Any) -> Path:
        folder = tmp_path / "b"
        folder.mkdir(exist_ok=True)
        basis = {"images": IMAGES, "optimizers": OWN, "budget": {"passes": 60}}
        keys = {**basis, "baseline": "adam", "reference": str(shared), **keys}
        return written(folder, MINE, name="b", **keys)

    return made


def changed(folder: Path, statement: str, *values: object) -> None:
    """Something done to a folder's database."""
    database = sqlite3.connect(folder / "results.db")
    database.execute(statement, values)
    database.commit()
    database.close()


def bodies(folder: Path) -> dict[str, Any]:
    """Cell → its record's body."""
    database = sqlite3.connect(folder / "results.db")
    found = {c: json.loads(b) for c, b in database.execute("SELECT cell, body FROM records")}
    database.close()
    return found


def other_network(folder: Path, seed: int) -> None:
    """The generator's file, changed."""
    text = TINY.replace("manual_seed(7)", f"manual_seed({seed})")
    (folder / "tiny.py").write_text(f"{text}\n# changed\n")
