"""Masks: from what a suite says to the foreground's share of every pixel, without torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from p2lbench.errors import Place, UserError
from p2lbench.images import Pixels, Share, read_alpha, read_image
from p2lbench.masks.detect import detected
from p2lbench.masks.kinds import BACKGROUND, Alpha, Box, Detected, File, Mask, Polygon
from p2lbench.masks.shapes import box, polygon
from p2lbench.yamlfile import display

__all__ = ["BACKGROUND", "Alpha", "Box", "Detected", "File", "Mask", "Polygon", "read_mask"]


def read_mask(mask: Mask, photo: Path, pixels: Pixels) -> Share:
    """The foreground's share of every pixel: (H, W) in [0, 1].

    Args:
        photo: the file of the image that the mask belongs to.
        pixels: the same image, decoded (H, W, 3).

    Raises:
        UserError: the mask is unreadable, does not fit the image, or has no pixel above 0.5.
    """
    size = (pixels.shape[0], pixels.shape[1])
    match mask:
        case File():
            return _file(mask.path, size)
        case Box():
            return box(mask, size)
        case Polygon():
            return polygon(mask, size)
        case Alpha():
            return _alpha(photo)
        case Detected():
            return detected(mask, pixels)


def _file(path: Path, size: tuple[int, int]) -> Share:
    grey = np.asarray(Image.fromarray(read_image(path)).convert("L"))
    place = Place(display(path))
    if grey.shape != size:
        (height, width), (mask_height, mask_width) = size, grey.shape
        raise UserError(
            f"the mask has {mask_width} x {mask_height} pixels, its image {width} x {height}: "
            "expected the same",
            place,
        )
    values: Share = grey.astype(np.float32) / np.float32(255)
    if not (values > 0.5).any():
        message = "empty mask: expected some pixels above grey level 127 (white: foreground)"
        raise UserError(message, place)
    return values


def _alpha(photo: Path) -> Share:
    alpha, place = read_alpha(photo), Place(display(photo))
    if alpha is None or alpha.min() == 255:
        what = "no alpha channel" if alpha is None else "an alpha channel that is opaque everywhere"
        message = f"mask: alpha, but the image has {what}: expected a transparent background"
        raise UserError(f"{message}; give another mask, or none", place)
    values: Share = alpha.astype(np.float32) / np.float32(255)
    if not (values > 0.5).any():
        raise UserError("empty mask: expected some pixels of alpha above 127", place)
    return values
