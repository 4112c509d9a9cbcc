"""What all measures have in common: the range, the mask, the resize, and one number per image."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from p2lbench.api import Loss, protocol
from p2lbench_piq.roots import FiniteRoots


class Measure(Loss):
    """One of the library's measures between images and targets that are equal outside the mask.

    The measures know no masks, and see whole images. So the target is laid over each image outside
    the mask, in proportion where the mask is soft: m x + (1 - m) y. A small mask leaves little
    that differs, and moves every measure towards its best value: numbers under different masks do
    not compare.

    Values beyond [-1, 1] are clamped, because the library refuses them. So they have no slope.
    """

    title: ClassVar[str]
    function: ClassVar[str]
    """Its name in the library."""
    source: ClassVar[str]
    least_size: ClassVar[int]
    """The smallest side, in pixels, on which the library or the measure's filters make sense."""

    def __init__(self, resize: int | None = None) -> None:
        """`resize`: both images are first resized to so many pixels square, antialiased."""
        if resize is not None and resize < self.least_size:
            raise ValueError(f"resize: expected at least {self.least_size}, got {resize}")
        self.resize = resize
        self.min_size = self.least_size if resize is None else 1

    @property
    def protocol(self) -> Mapping[str, str]:
        """How the number comes about."""
        return protocol(
            colour_range="[-1, 1] mapped to [0, 1], three channels",
            clamping="images and target to [-1, 1]",
            resize="none"
            if self.resize is None
            else f"{self.resize} x {self.resize}, bilinear, antialiased, after the mask",
            version=f"piq {importlib.metadata.version('piq')}",
            reduction=f"per image: {self.title} of the whole image, where the target is laid over "
            "the image outside the mask",
            source=self.source,
        )

    def load(self, device: torch.device | str) -> None:
        """Import the library, which takes seconds."""
        import piq  # noqa: F401

    def prepare(self, targets: Tensor, masks: Tensor) -> Mapping[str, Tensor]:
        """The target in [0, 1], and the mask."""
        super().prepare(targets, masks)
        return {"target": (targets.clamp(-1, 1) + 1) / 2, "mask": masks}

    def __call__(self, images: Tensor, prepared: Mapping[str, Tensor]) -> Tensor:
        """(n, 3, H, W) -> (n,)."""
        broken = images.isnan().any(dim=3).any(dim=2).any(dim=1)
        unit = (_within(images.nan_to_num(0.0)) + 1) / 2
        target = prepared["target"].expand_as(unit)
        x = torch.lerp(target, unit, prepared["mask"].expand_as(unit))
        with FiniteRoots():
            values = self.measure(self._resized(x), self._resized(target))
        return values.masked_fill(broken, torch.nan)

    def measure(self, x: Tensor, y: Tensor) -> Tensor:
        """The library's numbers (n,) of images and targets (n, 3, H, W) in [0, 1]."""
        import piq

        values: Tensor = getattr(piq, self.function)(x, y, reduction="none")
        return values

    def _resized(self, images: Tensor) -> Tensor:
        if self.resize is None:
            return images
        size = (self.resize, self.resize)
        resized = F.interpolate(images, size, mode="bilinear", align_corners=False, antialias=True)
        # Rounding may leave the range by a bit, which the library would refuse.
        return resized.clamp(0, 1)


def _within(images: Tensor) -> Tensor:
    """In [-1, 1]; at the bounds the slope is the mean of both sides, as `minimum` splits it."""
    one = images.new_ones(())
    return images.minimum(one).maximum(-one)
