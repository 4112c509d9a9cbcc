"""Peak signal-to-noise ratio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from p2lbench.losses import masked
from p2lbench.losses.base import Loss, protocol

if TYPE_CHECKING:
    from torch import Tensor

CEILING = 100.0


class PSNR(Loss):
    """-10 log10(mse) in dB inside the mask, of images mapped to [0, 1]; the peak is 1.

    Images are clamped to [-1, 1] first, as a viewer would, and not rounded to 8 bits. Values end
    at 100 dB, which is also what an exact match gives: JSON has no infinity, and a mean must stay
    defined. (Rounding to 8 bits alone costs about 59 dB.)
    """

    higher_is_better = True
    objective = False
    protocol = protocol(
        colour_range="[-1, 1] mapped to [0, 1], peak 1, three channels",
        clamping="images to [-1, 1]; values at 100 dB",
        reduction="per image: from the mean squared error over the mask and channels",
    )

    def __call__(self, images: Tensor, prepared: Mapping[str, Tensor]) -> Tensor:
        """(n, 3, H, W) -> (n,), in dB."""
        half_range = 2.0
        errors = (images.clamp(-1, 1) - prepared["target"]) / half_range
        mse = masked.mean(errors.square(), prepared["mask"]) / 3
        return -10 * mse.clamp_min(10 ** (-CEILING / 10)).log10()
