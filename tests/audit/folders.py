"""Small results folders, and ways to tamper with them."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from e2e.kit import PHOTOS, Ran, called, ran_inline, written

PHOTO = str(PHOTOS / "bag-126.png")
MASKED = {"file": str(PHOTOS / "ankle-boot-39.png"), "mask": {"box": [4, 8, 20, 24]}}
SEARCH = {"outer": "cma", "inner": "adam", "outer_steps": 1, "inner_steps": 1}
OPTIMIZERS = [{"adam": {"steps": 3}}, {"cma": {"steps": 2}, "as": "search"}]
# Not loaded by `verify`: what an optimizer is decides nothing of what follows from its points.
HUNTER = """
from p2lbench.api import Optimizer, hookimpl

class Hunter(Optimizer):
    def minimize(self, problem):
        x = problem.start
        problem.loss(x)
        return x

@hookimpl
def register_optimizers(register):
    register("hunter", Hunter)
"""


def made(where: Path, **keys: Any) -> Path:
    """The results folder of a suite of eight cells."""
    where.mkdir(parents=True, exist_ok=True)
    basis = {
        "images": [PHOTO, MASKED],
        "transforms": ["none", {"spatial": {"search": SEARCH}}],
        "optimizers": OPTIMIZERS,
    }
    outcome, _ = ran_inline(written(where, **{**basis, **keys}))
    return outcome.folder


def copied(folder: Path, where: Path) -> Path:
    """A copy to tamper with."""
    return Path(shutil.copytree(folder, where / folder.name))


def verified(folder: Path, *arguments: Any, plugins: bool = True) -> Ran:
    """`verify --json` in this process; with the plugins of the suite."""
    tiny = ["--plugin", folder.parents[1] / "tiny.py"] if plugins else []
    return called("verify", folder, "--executor", "inline", "--json", *tiny, *arguments)


def sql(folder: Path, statement: str, *values: Any) -> list[Any]:
    """Edit a folder's database, behind p2lbench's back."""
    with closing(sqlite3.connect(folder / "results.db")) as database, database:
        return database.execute(statement, values).fetchall()


def cells(folder: Path, **where: str) -> list[str]:
    """The planned cells in order; those with these names in the plan."""
    tests = "".join(f" AND {key} = '{value}'" for key, value in where.items())
    query = f"SELECT cell FROM plan WHERE 1 {tests} ORDER BY position"
    return [cell for (cell,) in sql(folder, query)]


def edited(folder: Path, cell: str, edit: Callable[[Any], None], column: str = "body") -> None:
    """Change a record's body or trace."""
    ((text,),) = sql(folder, f"SELECT {column} FROM records WHERE cell = ?", cell)
    plain = json.loads(text)
    edit(plain)
    sql(folder, f"UPDATE records SET {column} = ? WHERE cell = ?", json.dumps(plain), cell)


def replaced(folder: Path, kind: str, cell: str, data: bytes) -> None:
    """Another file in place of a cell's, and its SHA-256 in the database."""
    suffix = {"latents": ".safetensors", "images": ".png"}[kind]
    (folder / kind / f"{cell}{suffix}").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    sql(folder, f"UPDATE records SET {kind} = ? WHERE cell = ?", digest, cell)


def file(folder: Path, kind: str, cell: str) -> bytes:
    """A cell's file as it is."""
    suffix = {"latents": ".safetensors", "images": ".png"}[kind]
    return (folder / kind / f"{cell}{suffix}").read_bytes()
