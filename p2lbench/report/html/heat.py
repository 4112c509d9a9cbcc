"""The ranked metric by method and image, with a shade for where a value lies in its column."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from p2lbench.leaderboard import Leaderboard, as_text
from p2lbench.report.html.cells import Found

SHADES = 8  # of 0, the worst on an image, to 8, the best
MOST = 20_000  # cells of the table


@dataclass(frozen=True)
class Tile:
    """A method on an image: its number and shade, or why there is none.

    `best`: of the comparable rows.
    """

    text: str
    shade: int | None
    best: bool = False
    why: str = ""


@dataclass(frozen=True)
class Heat:
    """`tiles[row][image]`; `left_out`: images that the table has no room for."""

    images: list[str]
    tiles: list[list[Tile]]
    left_out: int


def heat(board: Leaderboard, found: Found) -> Heat | None:
    """None where nothing is ranked. A cell's number is the mean over its repeats."""
    if board.ranked_on is None:
        return None
    every = found.images
    images = every[: max(1, MOST // max(1, len(board.rows)))]
    means = [_means(row.chosen(board.ranked_on)) for row in board.rows]
    why = _reasons(found)
    columns = []
    for image in images:
        values = [mean.get(image, math.nan) for mean in means]
        columns.append(_column(board, values, [why.get((k, image), "") for k in range(len(means))]))
    tiles = [list(row) for row in zip(*columns, strict=True)]
    return Heat(images, tiles, len(every) - len(images))


def _means(chosen: dict[str, dict[int, float]]) -> dict[str, float]:
    return {image: math.fsum(one.values()) / len(one) for image, one in chosen.items() if one}


def _reasons(found: Found) -> dict[tuple[int, str], str]:
    """Why a method has no number on an image: the status of the first cell that is not ok."""
    why: dict[tuple[int, str], str] = {}
    for cell in found.cells:
        if cell.status != "ok":
            why.setdefault((cell.row, cell.image), cell.status)
    return why


def _column(board: Leaderboard, values: Sequence[float], why: Sequence[str]) -> list[Tile]:
    name = board.ranked_on or ""
    digits, sign = board.digits(name), -1 if board.metric(name).higher_is_better else 1
    known = [sign * value for value in values if math.isfinite(value)]
    span = _span(known)
    ranked = [sign * v for v, row in zip(values, board.rows, strict=True) if row.comparable]
    best = as_text(sign * min((v for v in ranked if math.isfinite(v)), default=math.inf), digits)
    tiles = []
    for value, reason, row in zip(values, why, board.rows, strict=True):
        if not math.isfinite(value):
            tiles.append(Tile("–", None, why=reason or "no value"))
            continue
        text = as_text(value, digits)
        tiles.append(
            Tile(text, round(SHADES * span(sign * value)), row.comparable and text == best)
        )
    return tiles


def _span(known: Sequence[float]) -> Callable[[float], float]:
    """From a value, lower is better, to its share of the way from the worst, 0, to the best, 1.

    In ratios, where there are any: one method that is far off then leaves shades to the others.
    """
    if not known or min(known) == max(known):
        return lambda value: 0.5
    if min(known) <= 0:
        return lambda value: (max(known) - value) / (max(known) - min(known))
    return lambda value: math.log(max(known) / value) / math.log(max(known) / min(known))
