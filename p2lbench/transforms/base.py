"""What a transform is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.generators.base import Generator


class Transform(ABC):
    """A family of maps T from the target's frame to the generator's, with parameters phi.

    `dim`: how many parameters. `scale`: the spread of each in a search (paper: phi ~ N(phi0,
    0.1 I), so sigma 0.316 in units of 1). `searched`: whether the paper's search runs over it, or
    phi0 is kept.
    """

    dim: int
    searched: bool = True

    @property
    def scale(self) -> tuple[float, ...]:
        """One unit of every parameter."""
        return (1.0,) * self.dim

    @abstractmethod
    def identity(self) -> Tensor:
        """(dim,) parameters that change nothing."""

    def initial(self, mask: Tensor, generator: Generator) -> Tensor:
        """(dim,) phi0 for a target's mask (1, 1, H, W); by default the identity."""
        return self.identity()

    @abstractmethod
    def apply(self, images: Tensor, phi: Tensor) -> Tensor:
        """T: (1 or n, C, H, W) images and (n, dim) phi → (n, C, H, W); differentiable."""

    @abstractmethod
    def invert(self, images: Tensor, phi: Tensor) -> Tensor:
        """T⁻¹: (n, C, H, W) images and (n, dim) phi → (n, C, H, W)."""
