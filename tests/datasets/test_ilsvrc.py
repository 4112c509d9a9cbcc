"""Copies of ImageNet: layouts, labels and boxes, and what may be wrong with them."""

from __future__ import annotations

from pathlib import Path

import photokit
import pytest

from p2lbench.datasets.ilsvrc import find_pool
from p2lbench.datasets.photos import Pool, in_order
from p2lbench.errors import UserError
from p2lbench.images import read_image

# kind: (content, what is said of it)
HOSTILE = {
    "bomb": (
        '<!DOCTYPE a [<!ENTITY a "b"><!ENTITY c "&a;&a;&a;">]><annotation>&c;</annotation>',
        "document type",
    ),
    "file": (
        '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><annotation>&a;</annotation>',
        "document type",
    ),
    "type": ("<!DOCTYPE annotation><annotation></annotation>", "document type"),
    "deep": ("<a>" * 5000 + "</a>" * 5000, "levels deep"),
    "huge": ("<annotation>" + " " * 1_100_000 + "</annotation>", "1,000,000 bytes"),
    "none": ("xmin 3", "not valid XML"),
    "empty": ("", "not valid XML"),
    "encoding": ("<?xml version='1.0' encoding='nonsense'?><annotation/>", "not valid XML"),
    "number": (photokit.XML.replace("<xmin>8<", "<xmin>1e999<"), "a number of pixels as xmin"),
    "minus": (photokit.XML.replace("<xmin>8<", "<xmin>-8<"), "a number of pixels as xmin"),
    "size": (photokit.XML.replace("<width>32<", "<width>320<"), "annotated at 320 x 24"),
    "no object": ("<annotation><object><name>{wnid}</name></object></annotation>", "no box"),
    "no box": (photokit.XML.replace("<ymax>", "<x>").replace("</ymax>", "</x>"), "no box"),
    "outside": (
        photokit.XML.replace("<xmin>1<", "<xmin>90<").replace("<xmin>8<", "<xmin>90<"),
        "no box",
    ),
}


def box_of(pool: Pool) -> object:
    photo = pool.groups["aeroplane"][0]
    return pool.find_box(photo, read_image(photo.file))


def test_the_order_of_the_draw_is_that_of_names_alone(tmp_path: Path) -> None:
    pool = find_pool(photokit.by_class(tmp_path), "none")
    birds = pool.groups["bird"]
    order = [photo.file.name for photo in in_order(birds, 0)]
    assert order == [photo.file.name for photo in in_order(reversed(birds), 0)]
    assert {*order} == {photo.file.name for photo in birds}
    orders = {tuple(photo.key for photo in in_order(birds, seed)) for seed in range(50)}
    assert len(orders) == 6  # all orders of three


@pytest.mark.parametrize("below", [".", "ILSVRC", "ILSVRC/Data/CLS-LOC", "ILSVRC/Data/CLS-LOC/val"])
def test_a_copy_is_found_wherever_the_root_is(tmp_path: Path, below: str) -> None:
    pool = find_pool(photokit.kaggle(tmp_path) / below, "auto")
    assert [len(photos) for photos in pool.groups.values()] == [3] * 16
    assert vars(box_of(pool)) == {"x0": 8, "y0": 4, "x1": 24, "y1": 20}


def test_training_photos_are_taken_where_they_are_alone(tmp_path: Path) -> None:
    photokit.by_class(tmp_path / "ILSVRC/Data/CLS-LOC/train")
    wnid = photokit.first_wnids()["aeroplane"]
    stem = photokit.stems()[wnid][0]
    photokit.annotate(tmp_path / f"ILSVRC/Annotations/CLS-LOC/train/{wnid}/{stem}.xml", wnid)
    assert vars(box_of(find_pool(tmp_path, "auto")))["x0"] == 8


@pytest.mark.parametrize("kind", HOSTILE)
def test_boxes_of_hostile_files_are_refused(tmp_path: Path, kind: str) -> None:
    pool = find_pool(photokit.kaggle(tmp_path), "annotations")
    photo = pool.groups["aeroplane"][0]
    wnid = photo.key.partition("/")[0]
    file = tmp_path / f"ILSVRC/Annotations/CLS-LOC/val/{photo.file.stem}.xml"
    content, said = HOSTILE[kind]
    file.write_text(content.replace("{wnid}", wnid))
    with pytest.raises(UserError, match=said):
        box_of(pool)


def test_labels_that_are_missing_are_asked_for(tmp_path: Path) -> None:
    photokit.kaggle(tmp_path, boxes=False)
    (tmp_path / "LOC_val_solution.csv").unlink()
    with pytest.raises(UserError, match=r"put Kaggle's LOC_val_solution\.csv"):
        find_pool(tmp_path, "none")
    photokit.devkit(tmp_path / "ILSVRC2012_devkit_t12" / "data", meta=False)
    with pytest.raises(UserError, match=r"put the devkit's meta\.mat beside it"):
        find_pool(tmp_path, "none")
    photokit.devkit(tmp_path / "ILSVRC2012_devkit_t12" / "data")
    assert len(find_pool(tmp_path, "none").groups["dog"]) == 3


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0", b"\0" * 500, b"x" * 11_000_000])
def test_a_damaged_table_of_synsets_is_refused(tmp_path: Path, content: bytes) -> None:
    photokit.kaggle(tmp_path, boxes=False)
    photokit.devkit(tmp_path)
    (tmp_path / "LOC_val_solution.csv").unlink()
    (tmp_path / "meta.mat").write_bytes(content)
    with pytest.raises(UserError, match=r"meta\.mat"):
        find_pool(tmp_path, "none")
    photokit.save_meta(tmp_path / "meta.mat", {"n02690373": 1, "n02835271": 2})
    with pytest.raises(UserError, match="expected the 1,000 classes"):
        find_pool(tmp_path, "none")


@pytest.mark.parametrize(
    "table",
    ["x\n", "ImageId,PredictionString\na,b\n", 'ImageId,PredictionString\n"a', "\xff", ""],
)
def test_a_damaged_table_of_labels_is_refused(tmp_path: Path, table: str) -> None:
    photokit.kaggle(tmp_path, boxes=False)
    (tmp_path / "LOC_val_solution.csv").write_bytes(table.encode("latin-1"))
    with pytest.raises(UserError, match=r"LOC_val_solution\.csv:"):
        find_pool(tmp_path, "none")


@pytest.mark.parametrize("numbers", ["8 4 24", "8 4 24 x", "nan nan nan nan", "1 1 0 0", ""])
def test_a_line_without_a_box_is_refused(tmp_path: Path, numbers: str) -> None:
    root = photokit.kaggle(tmp_path, boxes=False)
    table = root / "LOC_val_solution.csv"
    pool = find_pool(root, "none")
    photo = pool.groups["aeroplane"][0]
    wnid = photo.key.partition("/")[0]
    lines = [line for line in table.read_text().splitlines() if photo.file.stem not in line]
    table.write_text("\n".join([*lines, f"{photo.file.stem},{wnid} {numbers}"]))
    with pytest.raises(UserError):
        box_of(find_pool(root, "annotations"))


def test_a_table_that_is_of_larger_photos_is_no_table_of_boxes(tmp_path: Path) -> None:
    pool = find_pool(photokit.kaggle(tmp_path, boxes=False), "annotations")
    photo = pool.groups["aeroplane"][0]
    assert box_of(pool) is not None
    photokit.photo(photo.file, size=(16, 12))
    with pytest.raises(UserError, match="a box ends at 24 x 20, but the photo has 16 x 12"):
        box_of(pool)


def test_folders_that_are_no_copy_are_refused(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "none"):
        with pytest.raises(UserError, match="no photos of ImageNet in it"):
            find_pool(root, "none")
    photokit.by_class(tmp_path)
    with pytest.raises(UserError, match="has none: expected Annotations/"):
        find_pool(tmp_path, "annotations")
