"""The way back into the photo: pixels exactly where they were."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from p2lbench.blending.placing import place
from p2lbench.images import Pixels, fit
from p2lbench.transforms.color import Brightness
from p2lbench.transforms.compose import Composed
from p2lbench.transforms.spatial import Spatial

SIDE = 32


def noise(height: int, width: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def spot(height: int, width: int, y: float, x: float, radius: float) -> Pixels:
    rows, columns = np.mgrid[:height, :width]
    far = (rows + 0.5 - y) ** 2 + (columns + 0.5 - x) ** 2
    grey = 40 + 180 * np.exp(-far / (2 * radius**2))
    return np.repeat(grey[..., None], 3, axis=2).round().astype(np.uint8)


def tensor(pixels: Pixels) -> torch.Tensor:
    return torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1


def centroid(pixels: Pixels) -> tuple[float, float]:
    weights = np.maximum(pixels[..., 0].astype(float) - 60, 0)
    rows, columns = np.mgrid[: weights.shape[0], : weights.shape[1]]
    total = weights.sum()
    return float((rows * weights).sum() / total), float((columns * weights).sum() / total)


@pytest.mark.parametrize("shape", [(32, 32), (32, 47), (41, 32)])
def test_without_a_transform_every_pixel_returns(shape: tuple[int, int]) -> None:
    """The central part has the generator's size: it is neither resized nor moved."""
    photo = noise(*shape)
    placed = place(tensor(fit(photo, (SIDE, SIDE))), None, None, photo)
    assert (placed.pixels == photo).all()
    assert placed.covered.sum() == SIDE * SIDE


def test_what_lies_outside_the_part_that_was_seen_stays() -> None:
    photo = noise(40, 63)
    placed = place(torch.ones(1, 3, SIDE, SIDE), None, None, photo)
    assert (placed.pixels[placed.covered] == 255).all()
    assert (placed.pixels[~placed.covered] == photo[~placed.covered]).all()
    assert placed.covered[:, 11:51].all()
    assert not placed.covered[:, :11].any()
    assert not placed.covered[:, 51:].any()


@pytest.mark.parametrize("shape", [(32, 32), (200, 200), (150, 211), (20, 20)])
def test_a_transform_is_undone_at_the_photos_resolution(shape: tuple[int, int]) -> None:
    height, width = shape
    part = min(shape)
    photo = spot(height, width, 0.4 * height, width / 2 + 0.12 * part, 0.13 * part)
    transform = Composed([Spatial(), Brightness()])
    phi = torch.tensor([[0.8, 0.7, 0.2, -0.15, 1.1]])
    seen = transform.apply(tensor(fit(photo, (SIDE, SIDE))), phi)
    placed = place(seen, transform, phi, photo)
    assert placed.pixels.shape == photo.shape
    assert 0.3 < placed.covered.mean() < 0.75
    mixed = np.where(placed.covered[..., None], placed.pixels, photo)
    for found, right in zip(centroid(mixed), centroid(photo), strict=True):
        assert found == pytest.approx(right, abs=0.004 * part)
    error = np.abs(placed.pixels.astype(int) - photo)[placed.covered]
    assert error.mean() < 2.5


def test_grey_photos_stay_grey() -> None:
    photo = noise(SIDE, SIDE)
    photo[:] = photo[..., :1]
    colours = torch.linspace(-1, 1, 3)[None, :, None, None].expand(1, 3, SIDE, SIDE)
    placed = place(colours, None, None, photo).pixels
    assert (placed == placed[..., :1]).all()
    coloured = place(colours, None, None, noise(SIDE, SIDE)).pixels
    assert coloured[0, 0].tolist() == [0, 128, 255]
