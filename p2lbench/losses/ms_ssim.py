"""Multi-scale structural similarity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from p2lbench.losses import masked
from p2lbench.losses.base import Loss, protocol

if TYPE_CHECKING:
    from torch import Tensor

EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2


class MSSSIM(Loss):
    """Multi-scale structural similarity on RGB in [0, 1], up to 1 for an exact match.

    As Wang et al. 2003: an 11-pixel Gaussian window of deviation 1.5, only where it fits whole,
    K = (0.01, 0.03), 2x2 means between scales, and the exponents of their section 3.2. The maps
    are averaged over the three channels; negative means count as 0.

    *Scales.* Five need 176 pixels. A smaller image gets as many as the window fits into (88
    pixels: 4, 44: 3, 22: 2, 11: 1), with the first exponents rescaled to the sum of all five. A
    window smaller than the published one is never used.

    *Mask.* A window counts by the share of the mask it sees, weighed by the same Gaussian, at
    each scale. That keeps map and mask aligned, and no mask can vanish at the coarse scales.

    Source: Z. Wang, E. Simoncelli, A. Bovik, Multiscale structural similarity for image quality
    assessment, Asilomar 2003.
    """

    higher_is_better = True
    objective = False
    min_size = WINDOW
    cites = ("wang2003multiscale",)
    protocol = protocol(
        colour_range="[-1, 1] mapped to [0, 1], three channels",
        clamping="images to [-1, 1]",
        reduction="per image: 11-pixel windows weighed by the mask they see; 5 scales from "
        "176 pixels, 4 from 88, 3 from 44, 2 from 22, 1 from 11, exponents rescaled",
        source="Wang et al. 2003",
    )

    def prepare(self, targets: Tensor, masks: Tensor) -> Mapping[str, Tensor]:
        """The target, its local means and variances and the windows' weights, scale by scale."""
        super().prepare(targets, masks)
        prepared: dict[str, Tensor] = {}
        target, mask = _unit(targets), masks
        for k in range(len(exponents(*targets.shape[-2:]))):
            mean = _blur(target)
            prepared |= {
                f"target{k}": target,
                f"mean{k}": mean,
                f"variance{k}": _blur(target.square()) - mean.square(),
                f"weight{k}": _blur(mask),
            }
            target, mask = _halve(target), _halve(mask)
        return prepared

    def __call__(self, images: Tensor, prepared: Mapping[str, Tensor]) -> Tensor:
        """(n, 3, H, W) -> (n,)."""
        powers = exponents(*images.shape[-2:])
        x, value = _unit(images), images.new_ones(images.shape[0])
        for k, power in enumerate(powers):
            luminance, contrast = _compare(
                x, *(prepared[f"{name}{k}"] for name in ("target", "mean", "variance"))
            )
            # Luminance is compared at the coarsest scale alone (Wang et al., eq. 7).
            similarity = luminance * contrast if k == len(powers) - 1 else contrast
            weight = prepared[f"weight{k}"]
            value = value * (masked.mean(similarity, weight) / 3).clamp_min(0).pow(power)
            x = _halve(x)
        return value


def exponents(height: int, width: int) -> tuple[float, ...]:
    """The exponent of each scale that an image of this size has room for.

    `height` and `width` are in pixels, at least 11. The sum is always that of the published five,
    1.0001, so that those stay as they are.
    """
    side, scales = min(height, width) // 2, 1
    while side >= WINDOW and scales < len(EXPONENTS):
        side, scales = side // 2, scales + 1
    share = sum(EXPONENTS[:scales]) / sum(EXPONENTS)
    return tuple(x / share for x in EXPONENTS[:scales])


def _compare(
    x: Tensor, target: Tensor, target_mean: Tensor, target_variance: Tensor
) -> tuple[Tensor, Tensor]:
    mean = _blur(x)
    variance = _blur(x.square()) - mean.square()
    covariance = _blur(x * target) - mean * target_mean
    luminance = (2 * mean * target_mean + C1) / (mean.square() + target_mean.square() + C1)
    contrast = (2 * covariance + C2) / (variance + target_variance + C2)
    return luminance, contrast


def _unit(images: Tensor) -> Tensor:
    return (images.clamp(-1, 1) + 1) / 2


def _halve(images: Tensor) -> Tensor:
    import torch.nn.functional as F

    return F.avg_pool2d(images, 2)


def _blur(images: Tensor) -> Tensor:
    """Gaussian means over the windows that fit whole: (n, c, h, w) -> (n, c, h - 10, w - 10)."""
    import torch
    import torch.nn.functional as F

    offsets = torch.arange(WINDOW, dtype=images.dtype, device=images.device) - WINDOW // 2
    kernel = torch.softmax(-offsets.square() / (2 * SIGMA**2), dim=0)
    channels = images.shape[1]
    kernel = kernel.expand(channels, 1, WINDOW)
    rows = F.conv2d(images, kernel[..., None], groups=channels)
    return F.conv2d(rows, kernel[..., None, :], groups=channels)
