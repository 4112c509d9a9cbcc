"""Per-pixel errors: `l1` and `l2` on the paper's scale, `mae` and `mse` per element."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from p2lbench.losses import masked
from p2lbench.losses.base import Loss, protocol

if TYPE_CHECKING:
    from torch import Tensor

_SUMMED = protocol(
    reduction="per image: sum over channels, mean over the mask",
    source="Huh et al. 2020, eq. 3-4",
)
_PER_ELEMENT = protocol(reduction="per image: mean over the mask and channels")


class L1(Loss):
    """sum(m * |x - y|) / sum(m): summed over channels, averaged over the mask's pixels.

    In units of the [-1, 1] range, from 0 to 6. Three times `mae`; beta = 10 refers to this scale.
    Source: Huh et al. 2020, eq. 3-4.
    """

    protocol = _SUMMED

    def __call__(self, images: Tensor, prepared: Mapping[str, Tensor]) -> Tensor:
        """(n, 3, H, W) -> (n,)."""
        return masked.mean((images - prepared["target"]).abs(), prepared["mask"])


class L2(Loss):
    """sum(m * (x - y)^2) / sum(m): summed over channels, averaged over the mask's pixels.

    In squared units of the [-1, 1] range, from 0 to 12. Three times `mse`.
    Source: Huh et al. 2020, eq. 3-4.
    """

    protocol = _SUMMED

    def __call__(self, images: Tensor, prepared: Mapping[str, Tensor]) -> Tensor:
        """(n, 3, H, W) -> (n,)."""
        return masked.mean((images - prepared["target"]).square(), prepared["mask"])


class MAE(L1):
    """Mean absolute error per element inside the mask, in units of the [-1, 1] range."""

    protocol = _PER_ELEMENT

    def __call__(self, images: Tensor, prepared: Mapping[str, Tensor]) -> Tensor:
        """(n, 3, H, W) -> (n,)."""
        return super().__call__(images, prepared) / 3


class MSE(L2):
    """Mean squared error per element inside the mask, in squared units of the [-1, 1] range."""

    protocol = _PER_ELEMENT

    def __call__(self, images: Tensor, prepared: Mapping[str, Tensor]) -> Tensor:
        """(n, 3, H, W) -> (n,)."""
        return super().__call__(images, prepared) / 3
