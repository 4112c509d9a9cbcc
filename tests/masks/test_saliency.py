"""Saliency: objects that stand out are found, and nothing where nothing does."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from p2lbench.errors import UserError
from p2lbench.masks import Detected, saliency

ROOT = Path(__file__).parents[2]
PHOTOS = ROOT / "suites" / "images"
WANTED = Detected("saliency")


def photo(name: str) -> np.ndarray:
    return np.asarray(Image.open(PHOTOS / name).convert("RGB"))


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize("name", ["ankle-boot-39", "bag-126", "dress-75", "pullover-87"])
def test_clothes_on_black(name: str) -> None:
    pytest.importorskip("cv2")
    pixels = photo(f"fmnist/{name}.png")
    found = saliency.detect(pixels, WANTED)
    assert found.shape == pixels.shape[:2]
    assert overlap(found, pixels.max(axis=2) > 25) > 0.8


@pytest.mark.parametrize("size", [(120, 90), (400, 700)])
def test_a_disc_on_a_wall_is_found_to_the_pixel(size: tuple[int, int]) -> None:
    pytest.importorskip("cv2")
    height, width = size
    noise = np.random.default_rng(0).normal(0, 4, (*size, 3))
    rows, columns = np.mgrid[:height, :width]
    radius = min(size) / 4
    disc = (rows - 0.5 * height) ** 2 + (columns - 0.45 * width) ** 2 < radius**2
    colors = np.where(disc[..., None], (190, 80, 60), (120, 130, 125))
    pixels = (colors + noise).clip(0, 255).astype(np.uint8)
    found = saliency.detect(pixels, WANTED)
    assert overlap(found, disc) > 0.93
    assert (saliency.detect(pixels, WANTED) == found).all()


@pytest.mark.parametrize("shape", [(32, 32, 3), (1, 1, 3), (1, 90, 3), (3, 3, 3)])
def test_nothing_stands_out(shape: tuple[int, ...]) -> None:
    pytest.importorskip("cv2")
    with pytest.raises(UserError, match=r"saliency: no object stands out.*; give the mask as"):
        saliency.detect(np.full(shape, 90, dtype=np.uint8), WANTED)


def test_without_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(UserError, match="pip install opencv-python-headless"):
        saliency.version()
