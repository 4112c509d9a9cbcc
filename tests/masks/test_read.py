"""Masks from files and alpha channels; digests, which cells' ids depend on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from p2lbench.errors import UserError
from p2lbench.images import pixel_digest, read_image
from p2lbench.masks import Alpha, Box, File, Polygon, read_mask

PIXELS = np.zeros((4, 5, 3), dtype=np.uint8)
NONE = Path("none.png")  # only alpha reads the photo's file


def saved(path: Path, image: Image.Image, name: str = "x.png") -> Path:
    image.save(path / name)
    return path / name


def test_grey_levels_are_shares(tmp_path: Path) -> None:
    grey = np.array([[0, 51, 255]], dtype=np.uint8)
    file = saved(tmp_path, Image.fromarray(grey))
    share = read_mask(File(file), NONE, np.zeros((1, 3, 3), dtype=np.uint8))
    assert share.dtype == np.float32
    assert share.tolist() == [[0, np.float32(0.2), 1]]


def test_wrong_files(tmp_path: Path) -> None:
    file = saved(tmp_path, Image.new("L", (5, 4), 127))
    with pytest.raises(UserError, match="the mask has 5 x 4 pixels, its image 9 x 6"):
        read_mask(File(file), NONE, np.zeros((6, 9, 3), dtype=np.uint8))
    with pytest.raises(UserError, match="empty mask"):
        read_mask(File(file), NONE, PIXELS)


def test_what_a_mask_is_called_is_not_in_its_digest(tmp_path: Path) -> None:
    """The constant: cells of earlier runs are found again."""
    grey = np.zeros((4, 5), dtype=np.uint8)
    grey[1:3, 1:4] = 255
    file = saved(tmp_path, Image.fromarray(grey))
    corners = ((1.0, 1.0), (4.0, 1.0), (4.0, 3.0), (1.0, 3.0))
    for mask in (File(file), Box(1, 1, 4, 3), Polygon(corners)):
        digest = pixel_digest(read_mask(mask, NONE, PIXELS))
        assert digest == "9705fef1ef0e03b3484d4e9808c8342c13ea35484f0d0eba1492a4efb677d573"


def cutout(tmp_path: Path, alpha: np.ndarray, mode: str = "RGBA", name: str = "x.png") -> Path:
    image = Image.new("RGB", alpha.shape[::-1], (200, 100, 50))
    image.putalpha(Image.fromarray(alpha))
    return saved(tmp_path, image.convert(mode), name)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_an_alpha_channel_is_a_mask(tmp_path: Path, mode: str) -> None:
    alpha = np.array([[0, 51, 255], [255, 0, 0]], dtype=np.uint8)
    photo = cutout(tmp_path, alpha, mode)
    share = read_mask(Alpha(), photo, read_image(photo))
    assert share.dtype == np.float32
    assert (share == alpha.astype(np.float32) / np.float32(255)).all()


def test_a_transparent_colour_is_an_alpha_channel(tmp_path: Path) -> None:
    palette = Image.fromarray(np.array([[0, 1, 1]], dtype=np.uint8), mode="P")
    palette.putpalette([0, 0, 0, 255, 255, 255])
    palette.save(tmp_path / "x.gif", transparency=0)
    share = read_mask(Alpha(), tmp_path / "x.gif", read_image(tmp_path / "x.gif"))
    assert share.tolist() == [[0, 1, 1]]


def test_an_alpha_channel_is_turned_with_its_photo(tmp_path: Path) -> None:
    alpha = np.array([[255, 0, 0], [0, 0, 0]], dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    image = Image.new("RGB", (3, 2), "white")
    image.putalpha(Image.fromarray(alpha))
    image.save(tmp_path / "x.png", exif=exif)
    pixels = read_image(tmp_path / "x.png")
    share = read_mask(Alpha(), tmp_path / "x.png", pixels)
    assert share.shape == pixels.shape[:2] == (3, 2)
    assert ((share == 1) == (pixels[..., 0] == 255)).all()


@pytest.mark.parametrize(
    ("level", "said"),
    [(None, "the image has no alpha channel"), (255, "opaque everywhere"), (127, "empty mask")],
)
def test_wrong_alpha_channels(tmp_path: Path, level: int | None, said: str) -> None:
    image = Image.new("RGB", (5, 4), "white")
    if level is not None:
        image.putalpha(level)
    photo = saved(tmp_path, image)
    with pytest.raises(UserError, match=f"x.png: .*{said}"):
        read_mask(Alpha(), photo, read_image(photo))
