"""A user's copy of COCO 2017's validation photos → a pool of those with one large object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

from p2lbench.datasets import boxes
from p2lbench.datasets.photos import FindBox, Photo, Pool
from p2lbench.errors import Place, UserError
from p2lbench.images import Pixels
from p2lbench.masks.kinds import Box
from p2lbench.yamlfile import display, read_bytes

PHOTOS = "val2017"
INSTANCES = "annotations/instances_val2017.json"
GROUP = ""
_MAX_BYTES = 100_000_000


def find_pool(root: Path, how: str, min_area: float) -> Pool:
    """The photos whose largest object, crowds aside, covers at least `min_area` of them.

    Raises:
        UserError: it is no copy of COCO, or its annotations are not of that form.
        WeightsMissing: a detector's are not on this machine.
    """
    for part in (PHOTOS, INSTANCES):
        if not (root / part).exists():
            raise UserError(f"{display(root)}: no {part} in it; expected {PHOTOS}/ and {INSTANCES}")
    largest = _Instances(root / INSTANCES).largest(min_area)
    photos = [Photo(root / PHOTOS / name, name, GROUP, None) for name in sorted(largest)]
    return Pool({GROUP: photos}, _find_box(how, largest))


def _find_box(how: str, largest: Mapping[str, _Largest]) -> FindBox:
    if how in ("auto", "annotations"):
        return partial(_annotated, largest)
    return boxes.no_box if how == "none" else boxes.finder(how)


def _annotated(largest: Mapping[str, _Largest], photo: Photo, pixels: Pixels) -> Box:
    known = largest[photo.key]
    boxes.check_upright(photo)
    boxes.check_size(known.size, pixels)
    return boxes.largest([known.corners], pixels)


@dataclass(frozen=True)
class _Largest:
    """A photo's largest object. `size`: width and height that the photo was annotated at."""

    corners: boxes.Corners
    size: tuple[int, int]
    share: float


class _Instances:
    """COCO's JSON of instances, from an untrusted file."""

    def __init__(self, file: Path) -> None:
        self.place = Place(display(file))
        try:
            self.content = json.loads(read_bytes(file, _MAX_BYTES))
        except (ValueError, RecursionError) as error:
            raise UserError(f"not valid JSON: {error}", self.place) from error

    def largest(self, min_area: float) -> dict[str, _Largest]:
        """File's name → its largest object, where that is large enough."""
        photos = {image["id"]: image for image in self._entries("images", _is_image)}
        found: dict[str, _Largest] = {}
        for entry in self._entries("annotations", _is_annotation):
            photo = photos.get(entry["image_id"])
            x, y, width, height = entry["bbox"]
            if photo is None or entry["iscrowd"]:
                continue
            name, size = photo["file_name"], (photo["width"], photo["height"])
            share = width * height / (size[0] * size[1])
            before = found.get(name)
            if min_area <= share <= 1 and share > (before.share if before else 0):
                found[name] = _Largest((x, y, x + width, y + height), size, share)
        return found

    def _entries(self, key: str, fits: Any) -> list[Any]:
        entries = self.content.get(key) if isinstance(self.content, dict) else None
        if not isinstance(entries, list):
            raise UserError(f"expected a list '{key}', as instances_val2017.json has", self.place)
        for number, entry in enumerate(entries):
            if not (isinstance(entry, dict) and fits(entry)):
                raise UserError(f"{key}[{number}] is not as COCO's are", self.place)
        return entries


def _is_image(entry: dict[str, Any]) -> bool:
    name = entry.get("file_name")
    plain = isinstance(name, str) and name not in ("", ".", "..") and not {*name} & {*"/\\\0"}
    sides = entry.get("width"), entry.get("height")
    return plain and _is_whole(entry.get("id")) and all(map(_is_side, sides))


def _is_annotation(entry: dict[str, Any]) -> bool:
    box = entry.get("bbox")
    numbers = isinstance(box, list) and len(box) == 4 and all(_is_finite(x) for x in box)
    return numbers and _is_whole(entry.get("image_id")) and entry.get("iscrowd") in (0, 1)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53


def _is_side(value: Any) -> bool:
    return _is_whole(value) and value > 0


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) < 2**53 and isfinite(value)
