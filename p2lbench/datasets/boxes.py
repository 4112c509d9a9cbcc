"""Boxes around objects, as masks: from numbers that somebody annotated, or from detectors."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from functools import partial
from math import ceil, floor, isfinite

import numpy as np

from p2lbench.datasets.photos import FindBox, Photo
from p2lbench.errors import Place, UserError
from p2lbench.images import Pixels, is_turned
from p2lbench.masks.detect import detected
from p2lbench.masks.kinds import Box, Detected

# The paper takes the object of the highest score, however low that is; this is the lowest score of
# an object that torchvision's network tells at all.
THRESHOLD = 0.05
IN_VIEW = 0.5  # of a box; of an object farther out, a generator would be given a part
SMALLEST = 0.01  # of what a generator is given; of less, few pixels are left at its size
_BEYOND = 2  # pixels by which annotators missed a photo's edge

Corners = tuple[float, float, float, float]

_MODULES = {"mask-rcnn": "p2lbench.masks.maskrcnn", "saliency": "p2lbench.masks.saliency"}


def no_box(photo: Photo, pixels: Pixels) -> None:
    """For photos that are targets as a whole."""


def finder(detector: str) -> FindBox:
    """Boxes around what `mask-rcnn` or `saliency` finds.

    Raises:
        WeightsMissing: its weights are not on this machine.
        UserError: something that it needs is not installed.
    """
    importlib.import_module(_MODULES[detector]).version()
    return partial(_found, detector)


def _found(detector: str, photo: Photo, pixels: Pixels) -> Box:
    wanted = Detected(detector, threshold=THRESHOLD) if detector == "mask-rcnn" else None
    inside = detected(wanted or Detected(detector), pixels) > 0.5
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def check_size(annotated: Sequence[float], pixels: Pixels, place: Place | None = None) -> None:
    """Whether a photo has the width and height that its boxes were annotated at.

    Raises:
        UserError: it was scaled, cut or turned since.
    """
    height, width = pixels.shape[:2]
    if (*annotated,) != (width, height):
        message = f"annotated at {annotated[0]:g} x {annotated[1]:g} pixels, but the photo has "
        raise UserError(f"{message}{width} x {height}", place)


def check_upright(photo: Photo) -> None:
    """Whether a photo is seen as it is stored, which is how boxes were annotated.

    Raises:
        UserError: its EXIF data turn or mirror it.
    """
    if is_turned(photo.file):
        raise UserError("its EXIF data turn it, and its boxes do not say whether they are turned")


def check_inside(boxes: Iterable[Corners], pixels: Pixels) -> None:
    """Whether boxes that do not say at which size they were annotated fit into a photo.

    Raises:
        UserError: one reaches beyond it, so that the photo was scaled or cut since.
    """
    height, width = pixels.shape[:2]
    for box in boxes:
        if box[2] > width + _BEYOND or box[3] > height + _BEYOND:
            message = f"a box ends at {box[2]:g} x {box[3]:g}, but the photo has {width} x {height}"
            raise UserError(f"{message} pixels: scaled or cut since it was annotated")


def largest(boxes: Iterable[Corners], pixels: Pixels) -> Box:
    """The largest of annotated boxes (x0, y0, x1, y1), in whole pixels of the image.

    Raises:
        UserError: there is none with a pixel of the image in it.
    """
    height, width = pixels.shape[:2]
    inside = [_clipped(box, width, height) for box in boxes if all(map(isfinite, box))]
    best = max(inside, key=area, default=None)
    if best is None or not area(best):
        raise UserError("no box of its class is annotated")
    return best


def _clipped(box: Corners, width: int, height: int) -> Box:
    x0, y0 = (max(0, floor(number)) for number in box[:2])
    x1, y1 = min(width, ceil(box[2])), min(height, ceil(box[3]))
    return Box(x0, y0, x1, y1)


def area(box: Box) -> int:
    """Its pixels; 0 if it is none."""
    return max(0, box.x1 - box.x0) * max(0, box.y1 - box.y0)


def check_view(box: Box, pixels: Pixels) -> None:
    """Whether a generator, which is given the image's central square, sees enough of a box.

    Raises:
        UserError: less than half of it lies in there, or it is less than a hundredth of that.
    """
    height, width = pixels.shape[:2]
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    corner = min(box.x1, left + side), min(box.y1, top + side)
    seen = area(Box(max(box.x0, left), max(box.y0, top), *corner))
    if seen < IN_VIEW * area(box):
        share = seen / area(box)
        raise UserError(f"{share:.0%} of its box are in the image's central square: too few")
    if seen < SMALLEST * side**2:
        raise UserError(f"its box of {seen} pixels in the image's central square is too small")
