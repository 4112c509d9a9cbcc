"""COCO's annotations, from files of strangers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import photokit
import pytest
from PIL import ExifTags, Image

from p2lbench.datasets.coco import INSTANCES, find_pool
from p2lbench.errors import UserError


def image(**more: Any) -> dict[str, Any]:
    return {"images": [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 9, **more}]}


def annotation(**more: Any) -> dict[str, Any]:
    entry = {"image_id": 1, "iscrowd": 0, "bbox": [1, 1, 5, 5], **more}
    return {**image(), "annotations": [entry]}


HOSTILE: list[Any] = [
    "",
    "[" * 100_000,
    "1" * 5000,
    [],
    {},
    {"images": {}, "annotations": []},
    {"images": [], "annotations": [3]},
    *[
        {**image(**more), "annotations": []}
        for more in (
            {"file_name": "../../../etc/passwd"},
            {"file_name": "/etc/passwd"},
            {"file_name": ".."},
            {"file_name": "a\0b"},
            {"file_name": None},
            {"id": [1]},
            {"id": True},
            {"width": 0},
            {"height": 10**400},
        )
    ],
    *[
        annotation(**more)
        for more in (
            {"bbox": [1, 2, 3]},
            {"bbox": "1234"},
            {"bbox": [1, 2, 3, float("nan")]},
            {"bbox": [1, 2, 3, 10**400]},
            {"image_id": {}},
            {"iscrowd": "no"},
        )
    ],
]


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_annotations_are_refused(tmp_path: Path, content: Any) -> None:
    root = photokit.coco(tmp_path)
    text = content if isinstance(content, str) else json.dumps(content)
    (root / INSTANCES).write_text(text)
    with pytest.raises(UserError, match=r"instances_val2017\.json: "):
        find_pool(root, "annotations", 0.1)


def test_the_largest_object_counts_if_it_is_large_enough(tmp_path: Path) -> None:
    root = photokit.coco(tmp_path)
    assert len(find_pool(root, "annotations", 0.1).groups[""]) == 3
    assert len(find_pool(root, "annotations", 0.01).groups[""]) == 6
    assert not find_pool(root, "annotations", 0.5).groups[""]
    with pytest.raises(UserError, match=r"no val2017 in it; expected val2017/ and annotations"):
        find_pool(tmp_path / "none", "annotations", 0.1)


def test_a_photo_of_another_size_than_annotated_has_no_box(tmp_path: Path) -> None:
    root = photokit.coco(tmp_path)
    pool = find_pool(root, "annotations", 0.1)
    photo = pool.groups[""][0]
    assert pool.find_box(photo, np.zeros((24, 32, 3), np.uint8)) is not None
    with pytest.raises(UserError, match="annotated at 32 x 24 pixels, but the photo has 64 x 48"):
        pool.find_box(photo, np.zeros((48, 64, 3), np.uint8))


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_photo_that_is_turned_has_no_box(tmp_path: Path, orientation: int) -> None:
    pool = find_pool(photokit.coco(tmp_path), "annotations", 0.1)
    photo = pool.groups[""][0]
    pixels = np.zeros((24, 32, 3), np.uint8)
    assert pool.find_box(photo, pixels) is not None
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.fromarray(pixels).save(photo.file, exif=exif)
    with pytest.raises(UserError, match="its EXIF data turn it"):
        pool.find_box(photo, pixels)
