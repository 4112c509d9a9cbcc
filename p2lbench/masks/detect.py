"""What detectors find, kept on disk: a mask is part of a cell's identity, and networks are slow."""

from __future__ import annotations

import importlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from p2lbench import weights
from p2lbench.errors import UserError
from p2lbench.images import Pixels, Share, pixel_digest, read_image
from p2lbench.masks.kinds import Detected
from p2lbench.spec import digest
from p2lbench.weights.files import replacing

Found = np.ndarray[Any, np.dtype[np.bool_]]

# Each has `detect(pixels, wanted)` → Found, and `version()`: what decides that, besides these two.
_MODULES = {"mask-rcnn": "p2lbench.masks.maskrcnn", "saliency": "p2lbench.masks.saliency"}


def detected(wanted: Detected, pixels: Pixels) -> Share:
    """The mask (H, W) of 0 and 1 that a detector finds in an image (H, W, 3).

    It is looked up in `masks/` of the weights folder first, by the image's pixels, the detector,
    its options and its version, weights included.

    Raises:
        UserError: it finds no object, or something that it needs is not installed.
        WeightsMissing: its weights are not on this machine.
    """
    detector = importlib.import_module(_MODULES[wanted.detector])
    kept = _kept(wanted, pixels, detector.version())
    found = _read(kept, pixels.shape[:2])
    if found is None:
        found = detector.detect(pixels, wanted)
        _keep(found, kept)
    return found.astype(np.float32)


def _kept(wanted: Detected, pixels: Pixels, version: dict[str, str]) -> Path:
    key = digest({"image": pixel_digest(pixels), "detector": vars(wanted), "version": version})
    return weights.folder() / "masks" / f"{key}.png"


def _read(path: Path, size: tuple[int, ...]) -> Found | None:
    """A kept mask; None if it is not there, or is no longer what was kept."""
    with suppress(UserError):
        found: Found = read_image(path)[..., 0] > 127
        if found.shape == size and found.any():
            return found
    return None


def _keep(found: Found, path: Path) -> None:
    # A folder that cannot be written costs time, nothing else.
    with suppress(OSError), replacing(path) as out:
        Image.fromarray(found.astype(np.uint8) * 255).save(out, format="PNG")
