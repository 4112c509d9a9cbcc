"""Where objects are, and the transform that puts one where a generator has its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from p2lbench.generators.base import ObjectStats

if TYPE_CHECKING:
    from torch import Tensor

Box = tuple[int, int, int, int]


def bounding_box(mask: Tensor) -> Box | None:
    """First row, first column, last row, last column of a mask's foreground (…, H, W), or None.

    A pixel is foreground if more than half of it is.
    """
    inside = (mask > 0.5).flatten(0, -3).any(0)
    rows, columns = (inside.any(axis).nonzero().flatten().tolist() for axis in (1, 0))
    return (rows[0], columns[0], rows[-1], columns[-1]) if rows else None


def located(mask: Tensor) -> ObjectStats | None:
    """Centre and size of a mask's foreground, from the outer edges of its pixels.

    None if there is no foreground, or nothing else: a full mask says nothing of the object.
    """
    box, (height, width) = bounding_box(mask), mask.shape[-2:]
    if box is None or bool((mask > 0.5).all()):
        return None
    top, left, bottom, right = box[0], box[1], box[2] + 1, box[3] + 1
    center = (top + bottom) / 2 / height, (left + right) / 2 / width
    return ObjectStats(center, ((bottom - top) / height, (right - left) / width))


def alignment(
    found: ObjectStats, wanted: ObjectStats, scales: tuple[float, float]
) -> tuple[float, float, float]:
    """(s, tx, ty) that brings an object to a generator's statistics (paper, section 3.4).

    s is the larger of the ratios of height and width, kept within `scales`. The centre lands
    exactly where it should: t = n - s * m, with n and m the two centres on [-1, 1].
    """
    ratios = (own / other for own, other in zip(found.size, wanted.size, strict=True))
    s = min(max(*ratios, scales[0]), scales[1])
    ty, tx = (
        (2 * own - 1) - s * (2 * other - 1)
        for own, other in zip(found.center, wanted.center, strict=True)
    )
    return s, tx, ty
