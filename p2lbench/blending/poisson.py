"""Poisson blending (Pérez et al. 2003) by OpenCV's seamlessClone, put right at its edges.

As OpenCV has it, the gradients are the source's inside of the mask and the photo's elsewhere, and
the equation is solved on the mask's bounding rectangle, whose border is the photo's. Four of its
properties are made up for here:

- it puts the centre of that rectangle where it is told to, rounded down: it is told so that nothing
  moves;
- it wears the mask down by three pixels: the mask is given to it larger by three;
- it refuses a mask at the image's border: the image is continued beyond it;
- it cuts off decimals, and so darkens: what it makes of the photo itself is taken as what nothing
  changed looks like.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from p2lbench.blending.placing import Region
from p2lbench.errors import UserError
from p2lbench.images import Pixels
from p2lbench.opencv import opencv

Mode = Literal["normal", "mixed"]
_WORN = 3  # pixels of the mask's rim that OpenCV does not use
_ROOM = _WORN + 2  # beyond the image's border: its rectangle must have a rim


def blend(source: Pixels, photo: Pixels, region: Region, mode: Mode = "normal") -> Pixels:
    """`source (H, W, 3)` blended into a photo of its size, inside a region (H, W).

    Outside of the region, but inside its bounding rectangle, colours may change too, smoothly.

    Args:
        mode: inside, the gradients of the source, or of the two whichever is larger.

    Raises:
        UserError: the region is empty, or OpenCV is not installed.
    """
    cv2 = opencv("blend", "blend")
    if not region.any():
        raise UserError("blend: nothing of the generator's image lies in the photo's mask")
    rim = ((_ROOM, _ROOM), (_ROOM, _ROOM))
    wide = [np.pad(pixels, (*rim, (0, 0)), mode="edge") for pixels in (source, photo)]
    mask = cv2.dilate(np.pad(region, rim).astype(np.uint8), _square(2 * _WORN + 1))
    made, unchanged = (_cloned(cv2, each, wide[1], mask, mode) for each in (wide[0], wide[1]))
    found = (wide[1] + (made - unchanged)).clip(0, 255).astype(np.uint8)
    kept: Pixels = found[_ROOM:-_ROOM, _ROOM:-_ROOM]
    return kept


def faded(blended: Pixels, photo: Pixels, region: Region, width: int) -> Pixels:
    """What blending changed outside of the region, fading over so many pixels to nothing."""
    cv2 = opencv("blend", "blend")
    away = cv2.distanceTransform((~region).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    share = (1 - away / (width + 1)).clip(0, 1)[..., None]
    mixed = photo + share * (blended.astype(np.float32) - photo)
    found: Pixels = mixed.round().clip(0, 255).astype(np.uint8)
    return found


def grown(region: Region, pixels: int) -> Region:
    """The region, larger by so many pixels to all sides; smaller if negative, but not along the
    image's own border."""
    cv2 = opencv("blend", "blend")
    if pixels == 0:
        return region
    kernel, mask = _square(2 * abs(pixels) + 1), region.astype(np.uint8)
    changed = cv2.dilate(mask, kernel) if pixels > 0 else cv2.erode(mask, kernel)
    found: Region = changed > 0
    return found


def _cloned(cv2: Any, source: Pixels, photo: Pixels, mask: Pixels, mode: Mode) -> Any:
    """(H, W, 3) as signed integers."""
    x, y, width, height = cv2.boundingRect(mask)
    flag = cv2.MIXED_CLONE if mode == "mixed" else cv2.NORMAL_CLONE
    center = (x + width // 2, y + height // 2)
    made = cv2.seamlessClone(source, photo, 255 * mask, center, flag)
    return made.astype(np.int16)


def _square(side: int) -> Pixels:
    return np.ones((side, side), dtype=np.uint8)
