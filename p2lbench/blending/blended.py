"""A projection, or an edit of it, blended into its photo, and what is written of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from p2lbench.blending.placing import Placed, Region, place
from p2lbench.blending.poisson import Mode, blend, faded, grown
from p2lbench.editing.output import prepared
from p2lbench.editing.pictures import write
from p2lbench.errors import UserError
from p2lbench.images import Pixels
from p2lbench.projection import Projection
from p2lbench.report import strip

BLENDS = "blends"  # in a results folder
TOLD = "blend.json"
BLENDED, PLACED, STRIP = "blended.png", "placed.png", "strip.png"
OWNED = (TOLD, BLENDED, PLACED, STRIP)
_NEARLY = 8  # grey levels
_SIDE = 256  # of a tile, in pixels
_RIM = 2  # pixels of what T⁻¹ brought back that touch what it did not


@dataclass(frozen=True)
class How:
    """`area`: the photo's mask, or all that T⁻¹ covers. The mask is taken `dilate` pixels larger
    (smaller if negative), and what changes outside of it fades over `feather` pixels."""

    mode: Mode = "normal"
    area: Literal["mask", "frame"] = "mask"
    dilate: int = 0
    feather: int = 4


@dataclass(frozen=True)
class Blended:
    """Images as large as the photo: G's image put in its place, and blended there; `region (H, W)`:
    where."""

    photo: Pixels
    placed: Placed
    region: Region
    pixels: Pixels


def put_back(projection: Projection) -> Placed:
    """A projection's image in the place of its photo."""
    image, photo = projection.image(), projection.task.pixels
    return place(image, projection.transform, projection.phi, photo)


def blended(projection: Projection, how: How) -> Blended:
    """Blend a projection's image into its photo, at the photo's resolution.

    Raises:
        UserError: nothing of it lies in the mask, `dilate` is without a mask, or OpenCV is not
            installed.
    """
    photo, placed = projection.task.pixels, put_back(projection)
    region = placed.covered if placed.covered.all() else grown(placed.covered, -_RIM)
    mask = projection.task.mask
    if mask is not None and how.area == "mask":
        region = region & grown(np.asarray(mask) > 0.5, how.dilate)
    elif how.dilate:
        why = "the photo has none" if mask is None else "--area frame does without it"
        raise UserError(f"--dilate: makes the photo's mask larger or smaller, and {why}")
    made = blend(placed.pixels, photo, region, how.mode)
    return Blended(photo, placed, region, faded(made, photo, region, how.feather))


def write_blend(
    folder: Path, before: Placed | None, found: Blended, about: dict[str, Any], captions: list[str]
) -> dict[str, Any]:
    """Write `found`, with a strip: photo | projection (| edited) | blended.

    Args:
        before: what was edited, if it was: the projection, put back.

    Raises:
        UserError: the folder has other files in it, or cannot be written.
    """
    prepared(folder, OWNED)
    placed = [each.pixels for each in (before, found.placed) if each is not None]
    images = [found.photo, *placed, found.pixels]
    tiles = [strip.Tile(image, text) for image, text in zip(images, captions, strict=True)]
    told = {
        **about,
        "folder": str(folder),
        "blended": BLENDED,
        "share": float(found.region.mean()),
        "changed_outside": _outside(found),
        "cut_off": _cut_off(found),
    }
    try:
        write(folder / BLENDED, found.pixels)
        write(folder / PLACED, found.placed.pixels)
        note, line = "in the photo's frame", strip.Line("", tiles)
        strip.draw(folder / STRIP, about["image"], note, [line], _SIDE)
        (folder / TOLD).write_text(json.dumps(told, indent=2, allow_nan=False) + "\n", "utf-8")
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}") from error
    return told


def _cut_off(found: Blended) -> float:
    """The share of the region that blending made black or white, and that was not nearly so."""
    now = found.pixels.astype(np.int16)
    apart = np.abs(now - found.placed.pixels) > _NEARLY
    return float((apart & ((now == 0) | (now == 255))).any(axis=-1)[found.region].mean())


def _outside(found: Blended) -> float:
    """Grey levels by which the photo changed outside of the region, on average."""
    apart = np.abs(found.pixels.astype(np.int16) - found.photo)[~found.region]
    return float(apart.mean()) if apart.size else 0.0
