"""No transform: both frames are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from p2lbench.transforms.base import Transform

if TYPE_CHECKING:
    from torch import Tensor


class NoTransform(Transform):
    """The identity, without parameters."""

    dim = 0
    searched = False

    def identity(self) -> Tensor:
        import torch

        return torch.zeros(0)

    def apply(self, images: Tensor, phi: Tensor) -> Tensor:
        return images.expand(len(phi), -1, -1, -1)

    def invert(self, images: Tensor, phi: Tensor) -> Tensor:
        return images.expand(len(phi), -1, -1, -1)

    def positions(self, points: Tensor, phi: Tensor, size: tuple[int, int]) -> Tensor:
        return points

    def gain(self, phi: Tensor) -> Tensor:
        return phi.new_ones(len(phi))
