"""Images side by side, with what each is below it, in one line or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from p2lbench.images import Pixels
from p2lbench.report.fonts import Fonts
from p2lbench.report.text import plain

SIDE = 160  # of a tile, the longer one
_GAP = 10
_MARGIN = 20
_TEXT = 24
_INK, _FAINT = (20, 20, 20), (110, 110, 110)


@dataclass(frozen=True)
class Tile:
    """An image (H, W, 3), and what is said below it."""

    pixels: Pixels
    caption: str


@dataclass(frozen=True)
class Line:
    """Tiles under a heading, which may be empty. The tiles of all lines stand below each other."""

    heading: str
    tiles: Sequence[Tile]


def draw(path: Path, title: str, note: str, lines: Sequence[Line], side: int = SIDE) -> Path:
    """Write a PNG. Small images grow by a whole factor, pixel by pixel; large ones shrink.

    Args:
        side: of a tile, the longer one, at most.

    Raises: OSError.
    """
    fonts = Fonts()
    heads = [(title, fonts.title, _INK), (note, fonts.text, _FAINT)]
    shown = [[_sized(tile.pixels, side) for tile in line.tiles] for line in lines]
    across = max(image.width for images in shown for image in images) + _GAP
    width = max(across * max(map(len, shown)), *(round(f.getlength(text)) for text, f, _ in heads))
    heights = [
        max(image.height for image in images) + _TEXT * (2 if line.heading else 1)
        for line, images in zip(lines, shown, strict=True)
    ]
    top = _MARGIN + 28 * len(heads) + 6
    canvas = Image.new("RGB", (width + 2 * _MARGIN, top + sum(heights) + _MARGIN), "white")
    pen = ImageDraw.Draw(canvas)
    for k, (text, font, ink) in enumerate(heads):
        pen.text((_MARGIN, _MARGIN + 28 * k), plain(text), ink, font=font)
    for line, images, height in zip(lines, shown, heights, strict=True):
        _paste(canvas, pen, fonts, line, images, top, across)
        top += height
    canvas.save(path, format="PNG", optimize=True)
    return path


def wrapped(tiles: Sequence[Tile], most: int) -> list[Line]:
    """Tiles in lines of about equal length without headings, at most so many side by side."""
    across = -(-len(tiles) // -(-len(tiles) // most))
    return [Line("", tiles[k : k + across]) for k in range(0, len(tiles), across)]


def _paste(
    canvas: Image.Image,
    pen: ImageDraw.ImageDraw,
    fonts: Fonts,
    line: Line,
    images: Sequence[Image.Image],
    top: int,
    across: int,
) -> None:
    if line.heading:
        pen.text((_MARGIN, top), plain(line.heading), _INK, font=fonts.bold)
        top += _TEXT
    for k, (tile, image) in enumerate(zip(line.tiles, images, strict=True)):
        x = _MARGIN + k * across
        canvas.paste(image, (x, top))
        caption = fonts.fitted(tile.caption, across - 2, fonts.text)
        place = (x + image.width / 2, top + image.height + 2)
        pen.text(place, caption, _FAINT, font=fonts.text, anchor="ma")


def _sized(pixels: Pixels, most: int) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    longest = max(image.size)
    if longest > most:
        width, height = (max(1, round(side * most / longest)) for side in image.size)
        return image.resize((width, height), Image.Resampling.LANCZOS)
    factor = most // longest
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
