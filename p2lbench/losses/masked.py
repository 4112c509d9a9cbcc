"""Means over a mask, at the resolution of the image or of a network's layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def mean(maps: Tensor, masks: Tensor) -> Tensor:
    """sum(mask * map) / sum(mask), per row; channels of `maps` are summed (paper, eq. 4 and 7).

    Args:
        maps: (n, c, h, w).
        masks: (1 or n, 1, h, w), not empty.

    Returns:
        (n,). With a mask of ones and c = 1, what `maps.mean(dim=(2, 3))` gives, to the bit.
    """
    return (maps * masks).sum(dim=(1, 2, 3)) / masks.sum(dim=(1, 2, 3))


def resize(masks: Tensor, height: int, width: int, antialias: bool = True) -> Tensor:
    """Masks at another size, bilinear (paper, eq. 7: m^l).

    With `antialias`, every pixel of a mask reaches the result, so that a mask which is not empty
    does not become so. A mask of ones stays exactly that; interpolation alone would round.

    Args:
        masks: (n, 1, H, W).

    Returns:
        (n, 1, height, width).
    """
    import torch.nn.functional as F

    small = F.interpolate(
        masks, (height, width), mode="bilinear", align_corners=False, antialias=antialias
    )
    full = masks.amin(dim=(1, 2, 3), keepdim=True) == 1
    return small.masked_fill(full, 1)
