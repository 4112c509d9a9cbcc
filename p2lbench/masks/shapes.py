"""Boxes and polygons as masks of 0 and 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from p2lbench.errors import UserError
from p2lbench.images import Share
from p2lbench.masks.kinds import Box, Polygon

Array = np.ndarray[Any, np.dtype[np.float64]]


def box(mask: Box, size: tuple[int, int]) -> Share:
    """A box as (H, W).

    Raises:
        UserError: it is empty, or not within the image.
    """
    height, width = size
    if not (0 <= mask.x0 < mask.x1 <= width and 0 <= mask.y0 < mask.y1 <= height):
        raise UserError(
            f"expected a box [x0, y0, x1, y1] with 0 <= x0 < x1 <= {width} and "
            f"0 <= y0 < y1 <= {height}, got {[mask.x0, mask.y0, mask.x1, mask.y1]}"
        )
    values = np.zeros(size, dtype=np.float32)
    values[mask.y0 : mask.y1, mask.x0 : mask.x1] = 1
    return values


def polygon(mask: Polygon, size: tuple[int, int]) -> Share:
    """A polygon as (H, W): a pixel counts if its centre, (column + 0.5, row + 0.5), is inside.

    A ray from the centre crosses the line an odd number of times. A centre that lies on the line
    is inside of what is right of it or below it, so that polygons that share a side share no pixel.

    Raises:
        UserError: a point is outside of the image, sides cross, or no pixel is inside.
    """
    points = np.array(mask.points, dtype=np.float64)
    _check_points(points, size)
    starts = points[(points != np.roll(points, 1, axis=0)).any(axis=1)]
    ends = np.roll(starts, -1, axis=0)
    _check_sides(starts, ends)
    values, centers = np.zeros(size, dtype=np.float32), np.arange(size[1]) + 0.5
    for row in range(size[0]):
        crossings = np.searchsorted(_crossings(starts, ends, row + 0.5), centers, side="right")
        values[row] = crossings % 2
    if not values.any():
        message = "empty mask: the centre of no pixel is inside of the polygon"
        raise UserError(f"{message}; give x and y in pixels, not as fractions of the image")
    return values


def _crossings(starts: Array, ends: Array, y: float) -> Array:
    """Where the sides cross a row, from left to right."""
    crossing = (starts[:, 1] <= y) != (ends[:, 1] <= y)
    (x0, y0), (x1, y1) = starts[crossing].T, ends[crossing].T
    found: Array = np.sort(x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return found


def _check_points(points: Array, size: tuple[int, int]) -> None:
    height, width = size
    outside = ((points < 0) | (points > (width, height))).any(axis=1)
    if outside.any():
        number = int(outside.argmax())
        x, y = points[number]
        raise UserError(
            f"expected points [x, y] with 0 <= x <= {width} and 0 <= y <= {height}, got "
            f"[{x:g}, {y:g}] as point {number + 1}"
        )


def _check_sides(starts: Array, ends: Array) -> None:
    """Sides may touch, which is how a hole is written, but not cross."""
    # A crossing is where each side has its two ends on different sides of the other.
    first, second = (_turn(starts, ends, points) for points in (starts, ends))
    apart = first * second < 0
    pairs = np.argwhere(apart & apart.T)
    if len(pairs):
        one, two = (_side(starts, ends, int(number)) for number in pairs[0])
        message = f"the polygon crosses itself: {one} and {two}"
        raise UserError(f"{message}; give its points in the order of its outline")


def _turn(starts: Array, ends: Array, points: Array) -> Array:
    """(sides, points): above 0 where a point is on one hand of a side, below 0 on the other."""
    along, to = (ends - starts)[:, None], points[None] - starts[:, None]
    turn: Array = along[..., 0] * to[..., 1] - along[..., 1] * to[..., 0]
    return turn


def _side(starts: Array, ends: Array, number: int) -> str:
    (x0, y0), (x1, y1) = starts[number], ends[number]
    return f"[{x0:g}, {y0:g}] to [{x1:g}, {y1:g}]"
