"""A mask as a suite or a cell of a manifest writes it → what it means."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from p2lbench.checks import STRICT, checked, got
from p2lbench.errors import Place, UserError, did_you_mean
from p2lbench.masks.kinds import THRESHOLD, Alpha, Box, Detected, File, Mask, Polygon
from p2lbench.yamlfile import Locate, always, below

ALPHA = "alpha"
DETECT = "detect:"
MAX_POINTS = 1000
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)")

Point = Annotated[list[float], Field(min_length=2, max_length=2)]


class _Box(BaseModel):
    model_config = STRICT
    box: Annotated[list[int], Field(min_length=4, max_length=4)]


class _Polygon(BaseModel):
    model_config = STRICT
    polygon: Annotated[list[Point], Field(min_length=3, max_length=MAX_POINTS)]


class _Detect(BaseModel):
    model_config = STRICT
    detect: str | dict[str, dict[str, Any] | None]


class _Saliency(BaseModel):
    model_config = STRICT


class _MaskRCNN(BaseModel):
    model_config = STRICT
    label: str | None = None
    threshold: Annotated[float, Field(gt=0, lt=1)] = THRESHOLD


_OPTIONS: dict[str, type[BaseModel]] = {"mask-rcnn": _MaskRCNN, "saliency": _Saliency}


def from_yaml(written: Any, folder: Path, locate: Locate) -> Mask:
    """What stands behind `mask:`; paths are relative to `folder`.

    Raises:
        UserError: it is none of the ways to give a mask, or a wrong one.
    """
    if isinstance(written, str):
        return Alpha() if written == ALPHA else File(folder / written)
    keys = written if isinstance(written, dict) else ()
    if "box" in keys:
        return Box(*checked(_Box, written, locate).box)
    if "polygon" in keys:
        points = checked(_Polygon, written, locate).polygon
        return Polygon(tuple((x, y) for x, y in points))
    if "detect" in keys:
        return _detect(checked(_Detect, written, locate).detect, below(locate, "detect"))
    expected = "a path, alpha, {box: ...}, {polygon: ...} or {detect: ...}"
    found = f"the keys {', '.join(keys)}" if keys else got(written)
    raise UserError(f"expected {expected}, got {found}", locate())


def from_cell(cell: str, folder: Path, place: Place) -> Mask | None:
    """What stands in a manifest's column `mask`: a path, `alpha`, `detect:NAME`,
    `detect:mask-rcnn:LABEL`, the four numbers of a box, or the six or more of a polygon.

    Raises:
        UserError: numbers that are neither, or an unknown detector.
    """
    words = cell.split()
    if len(words) > 1 and all(_NUMBER.fullmatch(word) for word in words):
        return _numbers(words, place)
    if cell.startswith(DETECT):
        name, _, label = cell.removeprefix(DETECT).partition(":")
        options = {"label": label} if label else {}
        return _detect({name: options}, always(place))
    return from_yaml(cell, folder, always(place)) if cell else None


def _numbers(words: list[str], place: Place) -> Mask:
    if len(words) == 4 and all(word.isdecimal() for word in words):
        return Box(*map(int, words))
    if len(words) < 6 or len(words) % 2 or len(words) > 2 * MAX_POINTS:
        raise UserError(
            "expected x0 y0 x1 y1, whole numbers, for a box, or x y x y x y ... of 3 to "
            f"{MAX_POINTS} points for a polygon, got {len(words)} numbers",
            place,
        )
    values = [float(word) for word in words]
    return Polygon(tuple(zip(values[::2], values[1::2], strict=True)))


def _detect(written: str | dict[str, dict[str, Any] | None], locate: Locate) -> Detected:
    entry = {written: None} if isinstance(written, str) else written
    if len(entry) != 1:
        raise UserError(f"expected one detector, got {len(entry)}", locate())
    ((name, options),) = entry.items()
    if name not in _OPTIONS:
        close = did_you_mean(name, _OPTIONS)
        message = f"unknown detector '{name}'.{close} Detectors: {', '.join(_OPTIONS)}"
        raise UserError(message, locate(name, key=True))
    chosen = checked(_OPTIONS[name], options or {}, below(locate, name))
    return Detected(name, **chosen.model_dump())
