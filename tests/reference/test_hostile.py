"""Folders of strangers: damaged, changed, or made to do harm."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.kit import called, rows
from reference.conftest import bodies, changed, ran

Author = Callable[..., Path]
ALL = "UPDATE records SET body = json_set(body, '{}', json(?))"


def refused(suite: Path) -> str:
    """What is said of a suite that is refused with its place; nothing was made."""
    done = called("run", suite, "--results", suite.parent / "r", "--executor", "inline")
    assert done.code == 2, done.err
    assert "Traceback" not in done.err
    assert not (suite.parent / "r").exists()
    return done.err


def test_no_results_folder(author: Author, tmp_path: Path) -> None:
    line = next(k for k, t in enumerate(author().read_text().splitlines(), 1) if '"reference"' in t)
    for name, why in (("absent", "no such results folder"), ("empty", "no results here")):
        if name == "empty":
            (tmp_path / name).mkdir()
        said = refused(author(reference=str(tmp_path / name)))
        assert f"s.yaml:{line}:" in said
        assert why in said


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + bytes(5000)])
def test_a_damaged_database(author: Author, reference: Path, content: bytes) -> None:
    (reference / "results.db").write_bytes(content)
    assert "the reference cannot be used" in refused(author(reference=str(reference)))


def test_a_page_that_is_damaged(author: Author, reference: Path) -> None:
    data = bytearray((reference / "results.db").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = os.urandom(3000)
    (reference / "results.db").write_bytes(data)
    assert "the reference cannot be used" in refused(author(reference=str(reference)))


def test_a_database_that_is_no_file(author: Author, reference: Path) -> None:
    (reference / "results.db").unlink()
    os.mkfifo(reference / "results.db")
    assert "results.db is not a file" in refused(author(reference=str(reference)))


def test_a_view_in_place_of_a_table(author: Author, reference: Path) -> None:
    """It could run for ever."""
    changed(reference, "ALTER TABLE plan RENAME TO kept")
    changed(
        reference,
        "CREATE VIEW plan AS WITH RECURSIVE n(position) AS (SELECT 1 UNION ALL SELECT position + 1 "
        "FROM n) SELECT position, 'g' generator, 'l' loss, 't' transform, 'i' init, 'o' optimizer, "
        "'x' image, 0 repeat, 'ab' cell FROM n",
    )
    assert "are not those of a results folder" in refused(author(reference=str(reference)))


def test_a_text_that_fills_the_memory(
    author: Author, reference: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("p2lbench.reference.folder.LONGEST", 100_000)
    changed(reference, "UPDATE images SET told = ?", "x" * 200_000)
    changed(reference, "UPDATE meta SET value = ? WHERE key = 'header'", "x" * 200_000)
    assert "too big" in refused(author(reference=str(reference)))


@pytest.mark.parametrize("header", ["[" * 100_000, "{}", '{"name": 5}', '"x"'])
def test_a_header_that_is_none(author: Author, reference: Path, header: str) -> None:
    changed(reference, "UPDATE meta SET value = ? WHERE key = 'header'", header)
    assert "the reference cannot be used" in refused(author(reference=str(reference)))


def test_what_decides_a_cell_was_changed(author: Author, reference: Path) -> None:
    """To pass for another seed, for example."""
    seeds = """UPDATE identities SET content = replace(content, '"seed":0', '"seed":1')"""
    changed(reference, seeds)
    assert "was changed" in refused(author(reference=str(reference), seed=1))


def test_a_cell_under_another_id(author: Author, reference: Path) -> None:
    changed(reference, "UPDATE plan SET cell = 'ab12' WHERE position = 0")
    assert "is not kept" in refused(author(reference=str(reference)))


def test_what_decides_a_cell_is_written_as_ids_are(author: Author, reference: Path) -> None:
    """Another text of the same meaning has an id of its own, which could not be kept here."""
    cell = next(iter(bodies(reference)))
    changed(reference, "UPDATE identities SET content = content || ' ' WHERE id = ?", cell)
    database = sqlite3.connect(reference / "results.db")
    (text,) = database.execute("SELECT content FROM identities WHERE id = ?", (cell,)).fetchone()
    database.close()
    other = hashlib.sha256(text.encode()).hexdigest()
    changed(reference, "UPDATE identities SET id = ? WHERE id = ?", other, cell)
    for table in ("plan", "records"):
        changed(reference, f"UPDATE {table} SET cell = ? WHERE cell = ?", other, cell)
    (reference / f"latents/{cell}.safetensors").rename(reference / f"latents/{other}.safetensors")
    assert "not as it should" in refused(author(reference=str(reference)))


def test_another_cells_points(author: Author, reference: Path) -> None:
    """Records exchanged between methods: points and hashes fit, what they come to does not."""
    cells = list(bodies(reference))[:2]
    files = [reference / "latents" / f"{cell}.safetensors" for cell in cells]
    points = [file.read_bytes() for file in files]
    for cell, file, other in zip(cells, files, reversed(points), strict=True):
        file.write_bytes(other)
        digest = hashlib.sha256(other).hexdigest()
        changed(reference, "UPDATE records SET latents = ? WHERE cell = ?", digest, cell)
    suite = author(reference=str(reference))
    done = ran(suite)
    assert done.code == 0
    assert "the stored points have another objective here" in done.err
    assert sum(row["missing"] > 0 for row in rows(suite.parent / "results/b").values()) >= 1


def test_points_that_were_changed(author: Author, reference: Path) -> None:
    file = next((reference / "latents").iterdir())
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    done = ran(author(reference=str(reference)))
    assert done.code == 2
    assert "the reference cannot be used: " in done.err
    assert "differs from what the run stored" in done.err


def test_points_that_are_no_file(author: Author, reference: Path) -> None:
    file = next((reference / "latents").iterdir())
    file.unlink()
    os.mkfifo(file)
    done = ran(author(reference=str(reference)))
    assert done.code == 2
    assert "is no file" in done.err


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("objective", [0.1]),
        ("objective", [0.1, None]),
        ("objective", ["a", "b"]),
        ("objective", [0.1, True]),
        ("objective", 5),
        ("objective", [10**400, 0.1]),
        ("start", ["x", "y"]),
        ("ledger", {"passes": "many"}),
        ("ledger", []),
        ("notes", [5]),
        ("notes", None),
        ("environment", []),
        ("environment", {"torch": ["x"]}),
        ("reason", {}),
    ],
)
def test_records_that_make_no_sense(
    author: Author, reference: Path, key: str, value: object
) -> None:
    changed(reference, ALL.format(f"$.{key}"), json.dumps(value))
    done = ran(author(reference=str(reference)))
    assert done.code == 2
    assert "makes no sense" in done.err or "is not readable" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("trace", [{"passes": [1], "seconds": [], "best": []}, {"passes": 1}, []])
def test_traces_that_make_no_sense(author: Author, reference: Path, trace: object) -> None:
    changed(reference, "UPDATE records SET trace = ?", json.dumps(trace))
    done = ran(author(reference=str(reference)))
    assert done.code == 2
    assert "Traceback" not in done.err


def test_better_numbers_than_the_points_have(author: Author, reference: Path) -> None:
    """Metrics are never believed; an objective is not, either."""
    changed(reference, ALL.format("$.metrics.original.psnr"), "[99, 99]")
    suite = author(reference=str(reference))
    assert ran(suite).code == 0
    found = rows(suite.parent / "results/b")
    assert all(row["selected"]["psnr"] < 30 for row in found.values())
    changed(reference, ALL.format("$.objective"), "[0.001, 0.001]")
    suite = author(reference=str(reference))
    done = ran(suite, "--fresh")
    assert done.code == 0
    assert "another objective here" in done.err


def test_names_from_a_stranger_are_texts(author: Author, reference: Path) -> None:
    name = "<b>\x1b[31m| $x_1$"
    changed(reference, "UPDATE plan SET optimizer = ? WHERE optimizer = 'cma'", name)
    suite = author(reference=str(reference))
    assert ran(suite).code == 0
    folder = suite.parent / "results/b"
    for form in ("table", "markdown", "latex", "csv"):
        assert "\x1b" not in called("leaderboard", folder, "--format", form).out
    changed(reference, "UPDATE plan SET optimizer = ? WHERE optimizer = 'adam'", "x" * 600)
    assert "is not readable" in refused(author(reference=str(reference), baseline=None))
