"""`p2lbench prepare`, and suites whose images are prepared ones."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import photokit
import pytest
from e2e.kit import PHOTOS, called

from p2lbench.datasets.place import FOLDER_VARIABLE

DRAWN = """
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights_folder: Path) -> Path:
    """The images folder, and a working directory."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "images"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "images"


def prepared(*words: Any) -> Any:
    ran = called("prepare", *words, "--json")
    assert ran.code == 0, ran.err
    return ran.json


def rows(manifest: str | Path) -> list[dict[str, str]]:
    with Path(manifest).open(newline="") as file:
        return list(csv.DictReader(file))


def test_all_layouts_of_imagenet_give_the_same_draw(tmp_path: Path) -> None:
    photokit.kaggle(tmp_path / "kaggle")
    photokit.by_class(tmp_path / "val")
    flat = photokit.kaggle(tmp_path / "flat", boxes=False)
    (flat / "LOC_val_solution.csv").unlink()
    photokit.devkit(flat / "ILSVRC/Data/CLS-LOC/val")
    found = {}
    for name, boxes in (("kaggle", "auto"), ("val", "none"), ("flat", "none")):
        words = "imagenet-pascal", "--root", name, "--per-class", 2, "--boxes", boxes
        told = prepared(*words, "--name", name)
        assert (told["images"], len(told["classes"]), told["skipped"]) == (32, 16, [])
        found[name] = [(row["file"], row["class"], row["split"]) for row in rows(told["manifest"])]
    print(found["val"][:6])
    assert found["kaggle"] == found["val"] == found["flat"]
