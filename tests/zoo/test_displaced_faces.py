"""The images of the suite `table1-faces`: their truth brings the faces back."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from p2lbench.transforms.color import Brightness
from p2lbench.transforms.compose import Composed
from p2lbench.transforms.spatial import Spatial

IMAGES = Path(__file__).parents[2] / "suites" / "images"
DISPLACED = IMAGES / "faces-displaced"

with (DISPLACED / "manifest.csv").open() as file:
    ROWS = list(csv.DictReader(file))


def image(path: Path) -> torch.Tensor:
    """(1, 3, 64, 64) in [-1, 1]."""
    with Image.open(path) as opened:
        pixels = np.asarray(opened.convert("RGB"), dtype=np.float32)
    return torch.from_numpy(pixels).permute(2, 0, 1)[None] / 127.5 - 1


def truth(row: dict[str, str]) -> torch.Tensor:
    """(1, 5): phi of spatial+color."""
    spatial, color = (part.split()[1:] for part in row["truth"].split(";"))
    return torch.tensor([[float(value) for value in (*spatial, *color)]])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_the_truth_brings_the_face_back(row: dict[str, str]) -> None:
    both = Composed([Spatial(), Brightness()])
    moved, face = image(DISPLACED / row["file"]), image(IMAGES / "faces" / row["file"])
    back = both.apply(moved, truth(row))
    # A brighter image has clipped; a smaller one has lost its texture.
    assert (back - face).abs().mean() < 0.35 * (moved - face).abs().mean()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_the_mask_is_the_faces_square(row: dict[str, str]) -> None:
    mask = image(DISPLACED / row["mask"])[:, :1] > 0
    back = Spatial().apply(mask.float(), truth(row)[:, :4])
    assert back.mean() > 0.95
    size = float(truth(row)[0, 0])
    assert mask.float().mean() == pytest.approx(size**2, rel=0.08)
