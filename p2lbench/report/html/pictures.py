"""The pictures of a report, as data addresses: as many as a limit on their size allows.

First the targets, then every cell's selected candidate, then the cells' other candidates; each time
first repeats before later ones, and images in the suite's order.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from p2lbench.errors import StoreError
from p2lbench.images import Pixels, Share, fit
from p2lbench.leaderboard import Leaderboard, Metric, as_text, decimals
from p2lbench.record import Record
from p2lbench.report.grid import candidate
from p2lbench.report.html import names
from p2lbench.report.html.cells import Cell, Found
from p2lbench.report.html.table import shown_metrics
from p2lbench.report.text import count, plain
from p2lbench.store import Store

LIMIT = 25_000_000  # characters of data addresses
LOSSLESS = 128  # pixels; larger ones are compressed with loss
_QUALITY = 88
_EVERY = 50  # cells between two words about the progress


@dataclass
class Shown:
    """What is shown of a cell: `pictures` and `values` of its candidates, None: left out.

    `values`: the objective, then every metric, as printed.
    """

    cell: Cell
    size: tuple[int, int]
    selected: int
    pictures: list[str | None]
    values: list[list[str] | None]

    def plain(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "row": self.cell.row,
            "repeat": self.cell.repeat,
            "size": "x".join(map(str, self.size)),
            "selected": self.selected,
            "pictures": self.pictures,
            "values": self.values,
        }


@dataclass
class Gallery:
    """`targets`: image → size → address; `masks` likewise, where there are any.

    `classes`: what photos are of. `left_out`: what there was no room for, in words.
    """

    cells: list[Shown] = field(default_factory=list)
    targets: dict[str, dict[str, str]] = field(default_factory=dict)
    masks: dict[str, dict[str, str]] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    used: int = 0


class Painter:
    """Fills a gallery up to a limit."""

    def __init__(self, store: Store, board: Leaderboard, found: Found, limit: int = LIMIT) -> None:
        self.store, self.limit = store, limit
        self.metrics: Sequence[Metric] = shown_metrics(board)
        self.digits = [board.digits(metric.name) for metric in self.metrics]
        images = {name: k for k, name in enumerate(found.images)}
        ok = [cell for cell in found.cells if cell.status == "ok"]
        self.order = sorted(ok, key=lambda cell: (cell.repeat, images[cell.image], cell.row))
        self.images = store.images()
        self.lost: list[str] = []  # images whose target is damaged
        self.gallery = Gallery()

    def paint(self, say: Callable[[str], None]) -> Gallery:
        """Raises: StoreError if the folder cannot be read; a damaged picture is left out."""
        broken = self._selected(say)
        whole = self._candidates(say)
        made, planned = len(self.gallery.cells), len(self.order)
        out, why = self.gallery.left_out, f" (pictures end at {self.limit / 1e6:.0f} MB)"
        if broken:
            out.append(f"{count(broken, 'cell')} whose file of images is missing or was changed")
        if self.lost:
            out.append(f"{count(len(self.lost), 'target')} whose file is missing or was changed")
        if made + broken < planned:
            out.append(f"the pictures of {planned - made - broken:,} of {planned:,} cells{why}")
        if whole < made:
            rest = f"{made - whole:,} of {made:,} cells"
            out.append(f"the candidates that were not selected, in {rest}{why}")
        return self.gallery

    def _selected(self, say: Callable[[str], None]) -> int:
        """The selected candidates and their targets; how many cells' files are damaged."""
        broken = 0
        for number, cell in enumerate(self.order):
            if self.gallery.used >= self.limit:
                break
            if number % _EVERY == 0:
                say(f"pictures: {number:,} of {len(self.order):,} cells")
            try:
                shown = self._shown(cell)
            except StoreError:
                shown = None
            if shown is None:
                broken += 1
                continue
            self._target(cell.image, shown.size)
            self._add(shown.pictures[shown.selected])
            self.gallery.cells.append(shown)
        return broken

    def _shown(self, cell: Cell) -> Shown | None:
        record, strip = self._read(cell)
        if record is None or record.selected is None:
            return None
        number, chosen = len(record.objective), record.selected
        pixels = candidate(strip, number, chosen)
        if pixels is None:
            return None
        pictures: list[str | None] = [None] * number
        values: list[list[str] | None] = [None] * number
        pictures[chosen], values[chosen] = address(pixels), self._values(record, chosen)
        return Shown(cell, (pixels.shape[0], pixels.shape[1]), chosen, pictures, values)

    def _candidates(self, say: Callable[[str], None]) -> int:
        """The other candidates, as far as there is room; of how many cells all are there."""
        for number, shown in enumerate(self.gallery.cells):
            if number % _EVERY == 0:
                say(f"candidates: {number:,} of {len(self.gallery.cells):,} cells")
            if len(shown.pictures) > 1 and not self._fill(shown):
                return number
        return len(self.gallery.cells)

    def _fill(self, shown: Shown) -> bool:
        record, strip = self._read(shown.cell)
        whole = candidate(strip, 1, 0)
        if record is None or whole is None:
            return False
        tiles = enumerate(np.split(whole, len(shown.pictures), axis=1))
        made = {k: address(tile) for k, tile in tiles if shown.pictures[k] is None}
        if self.gallery.used + sum(map(len, made.values())) > self.limit:
            return False
        for k, picture in made.items():
            self._add(picture)
            shown.pictures[k], shown.values[k] = picture, self._values(record, k)
        return True

    def _read(self, cell: Cell) -> tuple[Record | None, bytes]:
        return self.store.get(cell.id, files=False), self.store.file("images", cell.id)

    def _target(self, name: str, size: tuple[int, int]) -> None:
        """What the optimizers were given, in the size of their images."""
        key = "x".join(map(str, size))
        image, targets = self.images.get(name), self.gallery.targets.setdefault(name, {})
        if image is None or key in targets or name in self.lost:
            return
        if image.class_name is not None:
            self.gallery.classes[name] = plain(str(image.class_name))
        try:
            pixels, mask = image.pixels, image.mask
        except StoreError:
            self.lost.append(name)
            return
        targets[key] = self._add(address(fit(pixels, size)))
        if mask is not None:
            self.gallery.masks.setdefault(name, {})[key] = self._add(veil(fit(mask, size)))

    def _add(self, picture: str | None) -> str:
        self.gallery.used += len(picture or "")
        return picture or ""

    def _values(self, record: Record, k: int) -> list[str]:
        objective = record.objective[k]
        digits = decimals(record.objective)
        texts = ["—" if objective is None else as_text(objective, digits)]
        for metric, places in zip(self.metrics, self.digits, strict=True):
            values = record.metrics.get("original", {}).get(metric.name, ())
            value = values[k] if k < len(values) else None
            texts.append("—" if value is None else as_text(value, places))
        return texts


def gallery_json(board: Leaderboard, found: Found, gallery: Gallery) -> dict[str, Any]:
    """What the page's script is given: cells by image, names, and which number methods show."""
    cells: dict[str, list[dict[str, Any]]] = {}
    for shown in gallery.cells:
        cells.setdefault(shown.cell.image, []).append(shown.plain())
    images = names_shown(found, gallery)
    metrics = shown_metrics(board)
    return {
        "images": [
            {
                "name": plain(name),
                "class": gallery.classes.get(name, ""),
                "targets": gallery.targets.get(name, {}),
                "masks": gallery.masks.get(name, {}),
                "cells": cells[name],
            }
            for name in images
        ],
        "methods": [names.method(board, row) for row in board.rows],
        "metrics": ["objective ↓", *(f"{plain(m.label)} {names.arrow(m)}" for m in metrics)],
        "shown": next((k + 1 for k, m in enumerate(metrics) if m.name == board.ranked_on), 0),
    }


def names_shown(found: Found, gallery: Gallery) -> list[str]:
    """The images that the page has pictures of, in the order of `gallery_json`."""
    shown = {one.cell.image for one in gallery.cells}
    return [name for name in found.images if name in shown]


def address(pixels: Pixels) -> str:
    """(H, W, 3) as a data address: PNG, above LOSSLESS pixels WebP."""
    small = max(pixels.shape[:2]) <= LOSSLESS
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return _encoded(image, "PNG" if small else "WEBP")


def veil(mask: Share) -> str:
    """What a mask leaves out as an opaque black, what it keeps as nothing."""
    pixels = np.zeros((*mask.shape, 4), np.uint8)
    pixels[..., 3] = np.round((1 - mask) * 255)
    return _encoded(Image.fromarray(pixels), "PNG")


def _encoded(image: Image.Image, form: str) -> str:
    buffer = io.BytesIO()
    options: dict[str, Any] = {"optimize": True} if form == "PNG" else {"quality": _QUALITY}
    image.save(buffer, form, **options)
    text = base64.b64encode(buffer.getvalue()).decode()
    return f"data:image/{form.lower()};base64,{text}"
