"""What a transform is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.generators.base import Generator


class Transform(ABC):
    """A family of maps T from the target's frame to the generator's, with parameters phi.

    `dim`: how many parameters. `scale`: the spread of each in a search (paper: phi ~ N(phi0,
    0.1 I), so sigma 0.316 in units of 1). `searched`: whether the paper's search runs over it, or
    phi0 is kept. `limits`: (low, high) of each parameter, or None; points are clamped to them.

    The runner sets `fill`, the generator's value of what lies outside its images, and `truth`, the
    transforms and their phi that the suite tells of the image, in order; `needs_truth` refuses
    suites with an image of which it tells none. `cites`: the works to cite, BibTeX entries or keys
    of references.bib.
    """

    dim: int
    searched: bool = True
    limits: tuple[tuple[float, float], ...] | None = None
    needs_truth: bool = False
    fill: float = 0.0
    cites: tuple[str, ...] = ()
    truth: Sequence[tuple[Transform, Sequence[float]]] = ()

    @property
    def held(self) -> tuple[bool, ...]:
        """Which parameters stay at phi0."""
        return (not self.searched,) * self.dim

    @property
    def scale(self) -> tuple[float, ...]:
        """One unit of every parameter."""
        return (1.0,) * self.dim

    @abstractmethod
    def identity(self) -> Tensor:
        """(dim,) parameters that change nothing."""

    def initial(self, mask: Tensor, generator: Generator) -> Tensor:
        """(dim,) phi0 for a target; by default the identity.

        `mask (1, 1, H, W)`: the foreground's share of every pixel; the background is 0.
        """
        return self.identity()

    @abstractmethod
    def apply(self, images: Tensor, phi: Tensor) -> Tensor:
        """T: (1 or n, C, H, W) images and (n, dim) phi → (n, C, H, W); differentiable.

        One channel is a mask, three are an image.
        """

    @abstractmethod
    def invert(self, images: Tensor, phi: Tensor) -> Tensor:
        """T⁻¹: (n, C, H, W) images and (n, dim) phi → (n, C, H, W)."""

    def positions(self, points: Tensor, phi: Tensor, size: tuple[int, int]) -> Tensor | None:
        """Where T puts what an image has at `points (1 or n, m, 2)`; None if that is not known.

        Coordinates are x, y, from -1 at the image's outer edge to 1 at the other; `size` is the
        image's (height, width). With a suite's `truth`, this tells how far off a transform is.
        """
        return None

    def gain(self, phi: Tensor) -> Tensor | None:
        """(n,) factors that T changes the brightness by; None if that is not one number."""
        return None

    def clamped(self, phi: Tensor) -> Tensor:
        """(n, dim) phi within the limits."""
        if self.limits is None:
            return phi
        low, high = phi.new_tensor(self.limits).T
        return phi.clamp(min=low, max=high)
