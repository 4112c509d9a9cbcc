"""A picture of one image's projections: by method its target, mask and outcome in both frames, and
below them all candidates, the best first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from p2lbench.pictured import Pictured, Pixels, Share
from p2lbench.report.fonts import Fonts
from p2lbench.report.text import plain

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

LARGE, SMALL = 192, 96
MOST = 36  # candidates that are shown
_GAP, _MARGIN, _LINE = 14, 24, 20
_PER_LINE = 9
_DIMMED = 0.25  # of what is outside of a mask
_INK, _FAINT, _BEST = (20, 20, 20), (110, 110, 110), (200, 80, 20)
_LEAST = 640  # pixels, for the texts


@dataclass(frozen=True)
class Block:
    """A method's name, the lines below it, and what it found."""

    title: str
    lines: tuple[str, ...]
    found: Pictured


def draw(path: Path, title: str, blocks: Sequence[Block]) -> Path:
    """Writes the picture as PNG.

    Raises: OSError.
    """
    fonts = Fonts()
    heights = [_height(block) for block in blocks]
    room = max(_LEAST, *(_width(block) for block in blocks))
    size = room + 2 * _MARGIN, 2 * _MARGIN + 28 + sum(heights)
    canvas = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(canvas)
    pen.text((_MARGIN, _MARGIN), fonts.fitted(title, room, fonts.title), _INK, font=fonts.title)
    y = _MARGIN + 28 + _GAP
    for block, height in zip(blocks, heights, strict=True):
        _draw_block(canvas, pen, fonts, block, y)
        y += height
    canvas.save(path, format="PNG", optimize=True)
    return path


def _width(block: Block) -> int:
    large, small = len(views(block.found)), min(len(block.found.images), _PER_LINE)
    return max(large * (LARGE + _GAP), small * (SMALL + _GAP)) - _GAP


def _height(block: Block) -> int:
    shown = min(len(block.found.images), MOST)
    lines = -(-shown // _PER_LINE)
    head = (1 + len(block.lines)) * _LINE
    return head + LARGE + 2 * _LINE + lines * (SMALL + _LINE + _GAP) + _LINE + _GAP


def _draw_block(
    canvas: Image.Image, pen: ImageDraw.ImageDraw, fonts: Fonts, block: Block, y: int
) -> None:
    room = canvas.width - 2 * _MARGIN
    pen.text((_MARGIN, y), fonts.fitted(block.title, room, fonts.bold), _INK, font=fonts.bold)
    for k, line in enumerate(block.lines, 1):
        below = fonts.fitted(line, room, fonts.text)
        pen.text((_MARGIN, y + k * _LINE), below, _FAINT, font=fonts.text)
    y += (1 + len(block.lines)) * _LINE + 4
    for k, (name, pixels) in enumerate(views(block.found)):
        x = _MARGIN + k * (LARGE + _GAP)
        _paste(canvas, pixels, x, y, LARGE)
        _caption(pen, name, x + LARGE / 2, y + LARGE + 3, _INK, fonts.text)
    y += LARGE + 2 * _LINE
    _draw_candidates(canvas, pen, fonts, block.found, y)


def _draw_candidates(
    canvas: Image.Image, pen: ImageDraw.ImageDraw, fonts: Fonts, found: Pictured, y: int
) -> None:
    ranking = found.ranking
    for place, k in enumerate(ranking[:MOST]):
        line, column = divmod(place, _PER_LINE)
        x, top = _MARGIN + column * (SMALL + _GAP), y + line * (SMALL + _LINE + _GAP)
        _paste(canvas, found.images[k], x, top, SMALL)
        value, best = found.record.objective[k], k == found.selected
        if best:
            pen.rectangle((x - 3, top - 3, x + SMALL + 2, top + SMALL + 2), None, _BEST, 2)
        text = "not finite" if value is None else f"{value:.3f}"
        ink, font = (_BEST, fonts.bold) if best else (_FAINT, fonts.text)
        _caption(pen, text, x + SMALL / 2, top + SMALL + 5, ink, font)


def views(found: Pictured) -> list[tuple[str, Pixels]]:
    """The large pictures, with their names."""
    shown = [("target, y", found.target)]
    if found.mask is not None:
        shown.append(("its mask", dimmed(found.target, found.mask)))
    if found.aligned is not None:
        shown.append(("as T shows it, T(y)", dimmed(*found.aligned)))
        shown.append(("output, G(x)", found.outputs[found.selected]))
    name = "G(x)" if found.aligned is None else "T⁻¹(G(x))"
    return [*shown, (f"reconstruction, {name}", found.images[found.selected])]


def dimmed(pixels: Pixels, mask: Share) -> Pixels:
    """An image (H, W, 3) that is darker where a mask (H, W) is not foreground, on grey."""
    weight = _DIMMED + (1 - _DIMMED) * mask[..., None]
    levels: Pixels = (weight * pixels + (1 - weight) * 128).round().astype(np.uint8)
    return levels


def enlarged(pixels: Pixels, side: int) -> Image.Image:
    """Small images pixel by pixel, as far as they fit; large ones are shrunk smoothly."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    factor = side / max(image.size)
    method = Image.Resampling.LANCZOS if factor < 1 else Image.Resampling.NEAREST
    width, height = (max(1, round(length * factor)) for length in image.size)
    return image.resize((width, height), method)


def _paste(canvas: Image.Image, pixels: Pixels, x: int, y: int, side: int) -> None:
    image = enlarged(pixels, side)
    canvas.paste(image, (x + (side - image.width) // 2, y + (side - image.height) // 2))


def _caption(
    pen: ImageDraw.ImageDraw,
    text: str,
    x: float,
    y: float,
    ink: tuple[int, int, int],
    font: FreeTypeFont,
) -> None:
    pen.text((x, y), plain(text), ink, font=font, anchor="ma")
