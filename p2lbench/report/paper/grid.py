"""Targets, and what each method selected for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from p2lbench.leaderboard import Leaderboard
from p2lbench.report.figures import grid_lines, row_label, shown_rows
from p2lbench.report.grid import Line, Tile
from p2lbench.report.paper import style
from p2lbench.report.text import folded, shorten
from p2lbench.store import Store

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_METHODS: dict[style.Width, int] = {"column": 5, "page": 9}
_LINES = 8


def draw(path: Path, store: Store, board: Leaderboard, width: style.Width) -> str | None:
    """The first _LINES images and the best-ranked methods. A text if there is nothing to draw.

    Raises: OSError, StoreError.
    """
    rows = shown_rows(board)[: _METHODS[width]]
    names = list(store.images())[:_LINES]
    if not rows or not names:
        return "there is no image or no row"
    lines = list(grid_lines(store, board, rows, names))
    heads = ["target", *(row_label(board, row) for row in rows)]
    letters = max(6, round(style.INCHES[width] / len(heads) * 15))
    stacked = [folded(head, lambda part: len(part) <= letters)[:3] for head in heads]
    side = style.INCHES[width] / len(heads)
    top = 0.13 * max(len(parts) for parts in stacked)
    with style.figure(path, width, len(lines) * (side + 0.13) + top, tight=True) as figure:
        places = figure.subplots(len(lines), len(heads), squeeze=False)
        for line, axes in zip(lines, places, strict=True):
            _line(axes, line)
        for axes, parts in zip(places[0], stacked, strict=True):
            axes.set_title("\n".join(parts), fontsize=7, pad=2, parse_math=False)
    return None


def _line(axes: list[Axes], line: Line) -> None:
    tiles = [Tile(line.target, shorten(line.name, 16)), *line.tiles]
    for place, tile in zip(axes, tiles, strict=False):
        place.set_xticks([])
        place.set_yticks([])
        place.grid(visible=False)
        for spine in place.spines.values():
            spine.set_visible(False)
        if tile.pixels is None:
            place.set_facecolor("#eeeeee")
            place.set_box_aspect(1)
        else:
            place.imshow(tile.pixels, interpolation="nearest")
        weight = "bold" if tile.strong else "normal"
        place.set_xlabel(tile.caption, fontsize=6, fontweight=weight, labelpad=1, parse_math=False)
