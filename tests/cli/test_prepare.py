"""`p2lbench prepare`, and suites whose images are prepared ones."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import photokit
import pytest
from e2e.kit import PHOTOS, called

from p2lbench.datasets import preparing
from p2lbench.datasets.place import FOLDER_VARIABLE
from p2lbench.masks import Detected, maskrcnn

DRAWN = [
    "aeroplane-ILSVRC2012_val_00000047",
    "aeroplane-ILSVRC2012_val_00000048",
    "bicycle-ILSVRC2012_val_00000043",
    "bicycle-ILSVRC2012_val_00000044",
    "bird-ILSVRC2012_val_00000042",
    "bird-ILSVRC2012_val_00000040",
]
IMAGENET = "imagenet-pascal", "--root", "in", "--per-class", 2


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights_folder: Path) -> Path:
    """The images folder, and a working directory."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "images"))
    monkeypatch.setattr(os, "fsync", lambda _: None)  # it lasts, and no power will fail
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
    assert found["kaggle"] == found["val"] == found["flat"]
    assert [Path(file).stem for file, _, _ in found["val"][:6]] == DRAWN
    assert {number for _, number, _ in found["val"][:4]} == {"404", "444"}  # airliner, tandem


def test_boxes_are_the_largest_annotated_of_the_images_class(tmp_path: Path) -> None:
    photokit.kaggle(tmp_path / "in")
    assert {row["mask"] for row in rows(prepared(*IMAGENET)["manifest"])} == {"8 4 24 20"}
    photokit.kaggle(tmp_path / "table", boxes=False)
    words = "imagenet-pascal", "--root", "table", "--per-class", 2, "--boxes", "annotations"
    told = prepared(*words, "-o", "here")
    assert told["manifest"] == "here/manifest.csv"
    assert {row["mask"] for row in rows("here/manifest.csv")} == {"8 4 24 20"}


def test_copies_are_byte_for_byte_and_have_their_hashes(tmp_path: Path, place: Path) -> None:
    photokit.kaggle(tmp_path / "in")
    told = prepared(*IMAGENET)
    assert told["folder"] == str(place / "imagenet-pascal")
    record = json.loads((place / "imagenet-pascal" / "prepared.json").read_text())
    assert record["complete"]
    assert record["options"] == {"per_class": 2, "tune": 0, "seed": 0, "boxes": "auto"}
    name = f"images/{DRAWN[0]}.JPEG"
    source = tmp_path / f"in/ILSVRC/Data/CLS-LOC/val/{DRAWN[0].partition('-')[2]}.JPEG"
    copy = place / "imagenet-pascal" / name
    assert copy.read_bytes() == source.read_bytes()
    assert record["files"][name] == hashlib.sha256(source.read_bytes()).hexdigest()


def test_another_seed_draws_others_and_must_be_asked_for_afresh(tmp_path: Path) -> None:
    photokit.by_class(tmp_path / "in")
    first = rows(prepared(*IMAGENET, "--boxes", "none")["manifest"])
    refused = called("prepare", *IMAGENET, "--boxes", "none", "--seed", 1)
    assert (refused.code, refused.out) == (2, "")
    assert "was drawn otherwise (seed: 0 there, 1 here)" in refused.err
    assert "--fresh" in refused.err
    told = prepared(*IMAGENET, "--boxes", "none", "--seed", 1, "--fresh")
    second = rows(told["manifest"])
    assert {row["file"] for row in first} != {row["file"] for row in second}
    kept = {file.name for file in (Path(told["folder"]) / "images").iterdir()}
    assert kept == {Path(row["file"]).name for row in second}


def test_tune_images_are_further_ones(tmp_path: Path) -> None:
    photokit.by_class(tmp_path / "in")
    told = prepared(*IMAGENET, "--boxes", "none", "--tune", 1)
    assert (told["images"], told["tune_images"]) == (32, 16)
    found = rows(told["manifest"])
    assert [row["split"] for row in found] == ["test", "test", "tune"] * 16
    assert len({row["file"] for row in found}) == 48
    assert [Path(row["file"]).stem for row in found if row["split"] == "test"][:6] == DRAWN


def test_an_interrupted_one_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photokit.by_class(tmp_path / "in")
    copy, copied = preparing._copy, 0

    def interrupted(*arguments: Any) -> None:
        nonlocal copied
        if copied == 5:
            raise KeyboardInterrupt
        copied += 1
        copy(*arguments)

    monkeypatch.setattr(preparing, "_copy", interrupted)
    assert called("prepare", *IMAGENET, "--boxes", "none").code == 130
    folder = tmp_path / "images" / "imagenet-pascal"
    there = {file: file.stat().st_mtime_ns for file in (folder / "images").iterdir()}
    assert len(there) == 5
    assert not (folder / "manifest.csv").exists()
    refused = called("validate", suite())
    assert "is prepared only in part" in refused.err
    monkeypatch.setattr(preparing, "_copy", copy)
    assert prepared(*IMAGENET, "--boxes", "none")["images"] == 32
    assert {file: file.stat().st_mtime_ns for file in there} == there


def test_a_second_run_verifies_and_puts_right(tmp_path: Path) -> None:
    photokit.by_class(tmp_path / "in")
    told = prepared(*IMAGENET, "--boxes", "none")
    changed = Path(told["folder"]) / "images" / f"{DRAWN[0]}.JPEG"
    whole = changed.read_bytes()
    photokit.photo(changed, "another")
    assert prepared(*IMAGENET, "--boxes", "none") == told
    assert changed.read_bytes() == whole
    photokit.photo(tmp_path / "in/n02690373" / f"{DRAWN[0].partition('-')[2]}.JPEG", "another")
    assert prepared(*IMAGENET, "--boxes", "none") == told  # what is whole needs no source
    changed.unlink()
    refused = called("prepare", *IMAGENET, "--boxes", "none")
    assert refused.code == 2
    assert "has changed since it was drawn" in refused.err


def test_what_cannot_be_used_is_passed_over_and_told(tmp_path: Path) -> None:
    photokit.by_class(tmp_path / "in")
    damaged = tmp_path / "in/n02690373" / f"{DRAWN[0].partition('-')[2]}.JPEG"
    damaged.write_bytes(damaged.read_bytes()[:300])
    ran = called("prepare", *IMAGENET, "--boxes", "none", "--json")
    assert ran.code == 0
    (skipped,) = ran.json["skipped"]
    assert Path(skipped["file"]).name == damaged.name
    assert f"{damaged.name}: the image is damaged" in ran.err
    names = [Path(row["file"]).stem for row in rows(ran.json["manifest"])]
    assert len(names) == 32
    assert DRAWN[0] not in names


def test_too_few_images_are_an_error_that_names_the_class(tmp_path: Path, place: Path) -> None:
    photokit.by_class(tmp_path / "in")
    refused = called("prepare", *IMAGENET[:3], "--boxes", "none", "--per-class", 4)
    assert (refused.code, refused.out) == (2, "")
    assert "'aeroplane': 3 of 4 images can be had from 3 files" in refused.err
    assert not place.exists()  # so that no --fresh is asked for when it is asked for fewer
    assert prepared(*IMAGENET, "--boxes", "none")["images"] == 32


def test_without_boxes_the_detector_is_asked_for(tmp_path: Path, place: Path) -> None:
    photokit.by_class(tmp_path / "in")
    refused = called("prepare", *IMAGENET)
    assert (refused.code, refused.out) == (2, "")
    assert "p2lbench weights fetch mask-rcnn" in refused.err
    assert not place.exists()


def test_the_detectors_surest_object_makes_the_box(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def detect(pixels: Any, wanted: Detected) -> Any:
        assert (wanted.label, wanted.threshold) == (None, 0.05)
        found = np.zeros(pixels.shape[:2], dtype=bool)
        found[5, 9], found[15, 20] = True, True
        return found

    monkeypatch.setattr(maskrcnn, "detect", detect)
    monkeypatch.setattr(maskrcnn, "version", dict)
    photokit.by_class(tmp_path / "in")
    assert {row["mask"] for row in rows(prepared(*IMAGENET)["manifest"])} == {"9 5 21 16"}


def test_coco(tmp_path: Path) -> None:
    photokit.coco(tmp_path / "coco")
    told = prepared("coco", "--root", "coco", "--count", 3)
    found = rows(told["manifest"])
    assert {row["mask"] for row in found} == {"8 4 24 20"}
    assert {row["class"] for row in found} == {""}
    names = {Path(row["file"]).name for row in found}
    assert names == {"000000000139.jpg", "000000000141.jpg", "000000000143.jpg"}
    refused = called("prepare", "coco", "--root", "coco", "--count", 4, "--name", "four")
    assert "3 of 4 images can be had from 3 files" in refused.err


def test_any_folder_with_classes_and_boxes(tmp_path: Path) -> None:
    for name in ("bag-126.png", "dress-75.png"):
        target = tmp_path / "mine" / name.partition("-")[0] / name
        target.parent.mkdir(parents=True)
        target.write_bytes((PHOTOS / name).read_bytes())
    told = prepared("folder", "--root", "mine", "--count", 1, "--classes", "--boxes", "saliency")
    assert told["name"] == "mine"
    found = rows(told["manifest"])
    assert [row["class"] for row in found] == ["bag", "dress"]
    for row in found:
        x0, y0, x1, y1 = map(int, row["mask"].split())
        assert 0 <= x0 < x1 <= 32
        assert 0 <= y0 < y1 <= 32


def suite(name: str = "imagenet-pascal", **more: Any) -> Path:
    content = {
        "name": "s",
        "images": {"prepared": name},
        "generators": ["biggan-fmnist"],
        "losses": ["l1"],
        "metrics": ["l1"],
        "inits": ["predicted"],
        "optimizers": [{"adam": {"steps": 1}}],
        "candidates": 1,
        **more,
    }
    Path("s.yaml").write_text(json.dumps(content, indent=1))  # JSON is YAML, too
    return Path("s.yaml")


def test_a_suite_runs_on_prepared_images(tmp_path: Path) -> None:
    photokit.coco(tmp_path / "coco")
    prepared("coco", "--root", "coco", "--count", 2, "--tune", 1, "--name", "two")
    told = called("validate", suite("two"), "--json").json
    assert (told["images"], told["tune_images"]) == (2, 1)
    ran = called("run", suite("two"), "--executor", "inline", "--json")
    assert (ran.code, ran.json["cells"]["ok"]) == (0, 2)


def test_a_file_that_changed_since_is_an_error_of_the_suite(tmp_path: Path) -> None:
    photokit.coco(tmp_path / "coco")
    told = prepared("coco", "--root", "coco", "--count", 2)
    manifest = Path(told["manifest"])
    name = rows(manifest)[0]["file"]
    photokit.photo(manifest.parent / name, "another")
    refused = called("validate", suite("coco"))
    assert (refused.code, refused.out) == (2, "")
    assert "s.yaml:4:15: 'coco': " in refused.err
    assert f"{name} has changed" in refused.err
    manifest.unlink()
    prepared("coco", "--root", "coco", "--count", 2)
    assert called("validate", suite("coco")).code == 0
    manifest.write_text(manifest.read_text().replace("8 4 24 20", "0 0 24 20"))
    assert "manifest.csv has changed" in called("validate", suite("coco")).err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("imagenet-pascal", "p2lbench prepare imagenet-pascal --root DIR"),
        ("lsun-cars", "p2lbench prepare folder --root DIR --name lsun-cars"),
        ("../coco", "expected the name of prepared images"),
        (7, "prepared: expected a text"),
    ],
)
def test_what_is_not_prepared_says_how(name: Any, said: str) -> None:
    refused = called("validate", suite(name))
    assert (refused.code, refused.out) == (2, "")
    assert "s.yaml:4:15: " in refused.err
    assert said in refused.err
