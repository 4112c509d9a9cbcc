"""The ways to say which part of an image is its object."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

BACKGROUND = 0.3  # what the background weighs in a loss, beside 1 for the foreground (the paper's)
THRESHOLD = 0.5


@dataclass(frozen=True)
class File:
    """Grey levels of an image file, divided by 255."""

    path: Path


@dataclass(frozen=True)
class Box:
    """From column x0 and row y0 to x1 and y1, which are not included; in pixels."""

    x0: int
    y0: int
    x1: int
    y1: int


@dataclass(frozen=True)
class Polygon:
    """What lies inside of a closed line through (x, y) points; (0, 0) is the image's corner."""

    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Alpha:
    """The image's own alpha channel, divided by 255."""


@dataclass(frozen=True)
class Detected:
    """What a detector finds; `label` and `threshold` are Mask R-CNN's."""

    detector: str
    label: str | None = None
    threshold: float = THRESHOLD


Mask = File | Box | Polygon | Alpha | Detected
