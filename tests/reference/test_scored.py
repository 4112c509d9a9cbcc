"""Stored rows in the suite's own folder: recomputed, scored again, and never searched for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from e2e.kit import RAISING, Ran, called, records, rows
from reference.conftest import IMAGES, OWN, bodies, changed, published, ran

Author = Callable[..., Path]


def verified(suite: Path) -> Ran:
    """`verify --json` of the suite's folder."""
    words = ("--executor", "inline", "--plugin", suite.parent / "tiny.py", "--json")
    return called("verify", suite.parent / "results/b", *words)


def state(folder: Path, cell: str, status: str, **body: Any) -> None:
    """Another status of a record, and other values of its body as JSON."""
    changed(folder, "UPDATE records SET status = ? WHERE cell = ?", status, cell)
    for key, value in body.items():
        text = f"UPDATE records SET body = json_set(body, '$.{key}', json(?)) WHERE cell = ?"
        changed(folder, text, value, cell)


def test_stored_rows_are_verified(author: Author) -> None:
    suite = author(optimizers=[*OWN, {"adam": {"steps": 4}}], baseline="adam (reference)")
    assert ran(suite).code == 0
    done = verified(suite)
    assert (done.code, done.json["differences"]) == (0, [])
    assert done.json["cells"]["verified"] == done.json["cells"]["planned"] == 15


def test_a_row_that_no_table_marks_needs_a_name_in_the_suite(author: Author) -> None:
    suite = author()
    assert ran(suite).code == 0
    header = "UPDATE meta SET value = json_set(value, '$.reference.rows', json('[]')) WHERE key = ?"
    changed(suite.parent / "results/b", header, "header")
    found = {each["what"] for each in verified(suite).json["differences"]}
    assert found == {"name in optimizers"}


def test_starts_that_differ_are_remarked(author: Author, reference: Path) -> None:
    for cell in bodies(reference):
        state(reference, cell, "ok", start="[1.5, 2.5]")
    suite = author(reference=str(reference))
    assert ran(suite).code == 0
    done = verified(suite)
    assert done.code == 0, done.out
    said = [remark for remark in done.json["remarks"] if "starts" in remark]
    assert len(said) == 3  # rows


def test_what_has_no_points_is_neither_scored_nor_verified(author: Author, reference: Path) -> None:
    """A candidate that was not finite, in a record of the reference."""
    state(reference, next(iter(bodies(reference))), "diverged", objective="[null, 1.0]")
    suite = author(reference=str(reference))
    assert ran(suite).code == 0
    done = verified(suite)
    assert (done.code, done.json["cells"]["without_points"]) == (0, 1)
    plugin = ("--executor", "inline", "--plugin", suite.parent / "tiny.py")
    done = called("rescore", suite.parent / "results/b", "--metric", "l2", *plugin)
    assert done.code == 0, done.err
    assert verified(suite).code == 0


def test_a_metric_that_failed_there_is_no_reason_to_search(tmp_path: Path, author: Author) -> None:
    """The points are scored by the metrics of here; the optimizer need not be here."""
    there = tmp_path / "there"
    there.mkdir()
    (there / "raising.py").write_text(RAISING)
    plugins = ["tiny.py", "more.py", "raising.py"]
    with pytest.raises(AssertionError):  # every cell failed
        published(there / "a", metrics=["l1", "raising"], plugins=[*plugins[:2], "../raising.py"])
    folder = Path(shutil.move(there / "a" / "results" / "a", tmp_path / "moved"))
    suite = author(reference=str(folder))
    assert ran(suite).code == 0
    found = records(suite.parent / "results/b")
    assert {record.status for record in found.values()} == {"ok"}
    for key, record in found.items():
        assert record.latents, key
        assert ("reference" in record.environment) == (key[4] != "mine")
    assert verified(suite).code == 0


def test_a_cell_that_was_not_scored_yet_is_not_verified(author: Author) -> None:
    """As a run that was stopped leaves it."""
    suite = author()
    assert ran(suite).code == 0
    folder = suite.parent / "results/b"
    cell = next(c for c, body in bodies(folder).items() if "reference" in body["environment"])
    state(folder, cell, "ok", measured="{}", metrics="{}")
    done = verified(suite)
    assert (done.code, done.json["differences"]) == (1, [])
    assert done.json["cells"]["unverifiable"] == 1
    assert ran(suite).code == 0
    assert verified(suite).code == 0


def test_rows_that_were_run_here_are_not_marked(author: Author) -> None:
    """Though the reference has the same cells: the first image is run, the others are taken."""
    mine = {"adam": {"steps": 3}, "as": "my-adam"}
    alone = author(optimizers=[*OWN, mine], reference=None, baseline="my-adam")
    assert ran(alone).code == 0
    suite = author(optimizers=[*OWN, mine], baseline="my-adam")
    assert ran(suite).code == 0
    found = rows(suite.parent / "results/b")
    assert found["my-adam"]["reference"] is None
    assert found["cma"]["reference"] is not None

    shutil.rmtree(suite.parent / "results")
    assert ran(suite).code == 0
    assert rows(suite.parent / "results/b")["my-adam"]["reference"] is not None
    assert ran(suite).code == 0  # again: what was taken is still not of here
    assert rows(suite.parent / "results/b")["my-adam"]["reference"] is not None
    assert ran(suite, "--fresh").code == 0
    assert rows(suite.parent / "results/b")["my-adam"]["reference"] is None


def test_names_that_are_no_text(tmp_path: Path, author: Author) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    shutil.copy(IMAGES[0], photos / os.fsdecode(b"b\xffg.png"))
    images = [{"folder": str(photos)}]
    suite = author(images=images, reference=str(published(tmp_path / "c", images=images)))
    assert ran(suite).code == 0
    assert rows(suite.parent / "results/b").keys() == {"adam", "cma", "theirs", "mine"}
    assert verified(suite).code == 0


def test_folders_that_took_other_rows_are_merged(tmp_path: Path, author: Author) -> None:
    """One machine ran a row that the other took from the reference."""
    mine = {"adam": {"steps": 3}, "as": "my-adam"}
    suite = author(optimizers=[*OWN, mine], baseline="my-adam")
    assert ran(suite, "--fresh").code == 0
    folder = suite.parent / "results" / "b"
    shutil.move(folder, tmp_path / "first")
    assert ran(suite).code == 0
    shutil.move(folder, tmp_path / "second")
    done = called("merge", tmp_path / "first", tmp_path / "second", "-o", folder, "--json")
    assert (done.code, done.json["conflicts"]) == (0, []), done.err
    found = rows(folder)
    assert found["my-adam"]["reference"] is not None
    assert found["cma"] == rows(tmp_path / "second")["cma"]
    assert verified(suite).code == 0
