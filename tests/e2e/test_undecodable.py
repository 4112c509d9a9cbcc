"""Photos whose names are no text: every command takes the results of them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from e2e.kit import PHOTOS, called, rows, written


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of a suite with classes and frozen targets."""
    where = tmp_path_factory.mktemp("names")
    (where / "photos").mkdir()
    for name, raw in (("bag-126", b"b\xffg.png"), ("dress-75", b"dress.png")):
        shutil.copy(PHOTOS / f"{name}.png", where / "photos" / os.fsdecode(raw))
    images = [{"folder": "photos", "class": "clothes"}]
    optimizers = [{"adam": {"steps": 3}}, {"cma": {"steps": 2}}]
    run = ("run", "--results", where / "results", "--executor", "inline")
    keys = {"images": images, "optimizers": optimizers}
    assert called(*run, written(where, name="a", **keys)).code == 0
    made = called("targets", where / "results/a", "-o", where / "t.json", *_plugin(where))
    assert made.code == 0, made.err
    done = called(*run, written(where, name="b", targets="t.json", **keys))
    assert done.code == 0, done.err
    return where / "results/b"


def _plugin(where: Path) -> tuple[object, ...]:
    return ("--plugin", where / "tiny.py")


def test_targets_and_classes_are_of_every_image(folder: Path) -> None:
    for row in rows(folder).values():
        assert row["targets"]["runs"] == 2
        assert row["classes"]["clothes"]["images"] == 2


def test_verify_and_archives(folder: Path, tmp_path: Path) -> None:
    plugin = _plugin(folder.parents[1])
    assert called("verify", folder, "--executor", "inline", *plugin).code == 0
    assert called("export", folder, "--to", "archive", "-o", tmp_path / "b.zip").code == 0
    assert called("import", tmp_path / "b.zip", "--results", tmp_path).code == 0
    done = called("merge", folder, tmp_path / "b", "-o", tmp_path / "c")
    assert done.code == 0, done.err
    assert rows(tmp_path / "c") == rows(folder)


@pytest.mark.parametrize("words", [("report",), ("export", "--to", "csv"), ("figures",)])
def test_what_is_made_of_them(folder: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    done = called(words[0], folder, *words[1:], "-o", tmp_path / "made.csv")
    assert done.code == 0, done.err


def test_compare(folder: Path) -> None:
    done = called("compare", folder, folder.parent / "a", "--json")
    assert done.code == 0, done.err
    assert done.json["images"] == 2
