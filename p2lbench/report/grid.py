"""An image grid: a line per target, a column per method with the candidate it selected."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from p2lbench.report.fonts import Fonts
from p2lbench.report.text import count, plain

Pixels = np.ndarray[Any, np.dtype[np.uint8]]

MAX_LINES = 12
MAX_METHODS = 20
_TILE = 128
_GAP = 14
_MARGIN = 24
_NAMES = 168  # width of the column of image names
_LINE = 20
_INK, _FAINT, _EMPTY = (20, 20, 20), (110, 110, 110), (238, 238, 238)


@dataclass(frozen=True)
class Tile:
    """One method's image (H, W, 3), or None and a caption that says why; `strong`: the best."""

    pixels: Pixels | None
    caption: str
    strong: bool = False


@dataclass(frozen=True)
class Line:
    """A target (H, W, 3) with its name, what stands below it, and a tile per method."""

    name: str
    note: str
    target: Pixels
    tiles: Sequence[Tile]


def candidate(strip: bytes, candidates: int, index: int) -> Pixels | None:
    """One of the candidates that stand side by side in a PNG; None if it cannot be had."""
    try:
        with Image.open(io.BytesIO(strip)) as image:
            pixels: Pixels = np.asarray(image.convert("RGB"))
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    width, rest = divmod(pixels.shape[1], max(candidates, 1))
    if rest or not 0 <= index < candidates:
        return None
    return pixels[:, index * width : (index + 1) * width]


def draw(
    path: Path, title: str, subtitle: str, methods: Sequence[str], lines: Iterable[Line], total: int
) -> Path:
    """Writes the grid as PNG: the first MAX_LINES of `total` targets, which alone are taken, and
    the first MAX_METHODS methods. It says so.

    Raises: OSError.
    """
    shown, columns = list(islice(lines, MAX_LINES)), methods[:MAX_METHODS]
    fonts = Fonts()
    rest = _left_out(total, len(methods))
    headers = [fonts.wrapped(name, _TILE, 4) for name in ("target", *columns)]
    top = _MARGIN + 74 + _LINE * max(len(header) for header in headers)
    width = 2 * _MARGIN + _NAMES + (1 + len(columns)) * (_TILE + _GAP)
    texts = [(title, fonts.title, _INK), (f"{subtitle} {rest}", fonts.text, _FAINT)]
    width = max(width, *(2 * _MARGIN + round(font.getlength(text)) for text, font, _ in texts))
    height = top + len(shown) * (_TILE + _LINE + _GAP) + _MARGIN
    canvas = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(canvas)
    for k, (text, font, ink) in enumerate(texts):
        pen.text((_MARGIN, _MARGIN + 28 * k), plain(text), ink, font=font)
    for k, header in enumerate(headers):
        for j, text in enumerate(header):
            y = top - 8 - _LINE * (len(header) - j)
            pen.text((_column(k) + _TILE / 2, y), text, _INK, font=fonts.bold, anchor="ma")
    for k, line in enumerate(shown):
        _draw_line(canvas, pen, fonts, line, len(columns), top + k * (_TILE + _LINE + _GAP))
    canvas.save(path, format="PNG", optimize=True)
    return path


def _draw_line(
    canvas: Image.Image, pen: ImageDraw.ImageDraw, fonts: Fonts, line: Line, columns: int, y: int
) -> None:
    names = fonts.wrapped(line.name, _NAMES - _GAP, 3)
    notes = fonts.wrapped(line.note, _NAMES - _GAP, 2)
    left = y + (_TILE - _LINE * (len(names) + len(notes))) // 2
    for j, text in enumerate([*names, *notes]):
        font, ink = (fonts.bold, _INK) if j < len(names) else (fonts.text, _FAINT)
        pen.text((_MARGIN, left + _LINE * j), text, ink, font=font)
    tiles = [Tile(line.target, ""), *line.tiles[:columns]]
    for k, tile in enumerate(tiles):
        x = _column(k)
        _paste(canvas, pen, tile.pixels, x, y)
        font = fonts.bold if tile.strong else fonts.text
        ink = _INK if tile.strong else _FAINT
        caption = fonts.fitted(tile.caption, _TILE + _GAP - 4, font)
        place, anchor = (y + _TILE + 3, "ma") if tile.pixels is not None else (y + _TILE / 2, "mm")
        pen.text((x + _TILE / 2, place), caption, ink, font=font, anchor=anchor)


def _paste(
    canvas: Image.Image, pen: ImageDraw.ImageDraw, pixels: Pixels | None, x: int, y: int
) -> None:
    if pixels is None:
        pen.rectangle((x, y, x + _TILE - 1, y + _TILE - 1), fill=_EMPTY)
        return
    image = _sized(Image.fromarray(np.ascontiguousarray(pixels)))
    canvas.paste(image, (x + (_TILE - image.width) // 2, y + (_TILE - image.height) // 2))


def _sized(image: Image.Image) -> Image.Image:
    """Small images grow by a whole factor, pixel by pixel; large ones shrink smoothly."""
    longest = max(image.size)
    if longest > _TILE:
        width, height = (max(1, side * _TILE // longest) for side in image.size)
        return image.resize((width, height), Image.Resampling.LANCZOS)
    factor = _TILE // longest
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)


def _column(k: int) -> int:
    return _MARGIN + _NAMES + k * (_TILE + _GAP)


def _left_out(lines: int, methods: int) -> str:
    found = []
    if lines > MAX_LINES:
        found.append(f"The first {MAX_LINES} of {lines} images.")
    if methods > MAX_METHODS:
        found.append(f"The first {MAX_METHODS} of {count(methods, 'method')}.")
    return " ".join(found)
