"""The transform that an image is known to need, for the gap between it and what a search finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from p2lbench.transforms.base import Transform
from p2lbench.transforms.compose import Composed

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.generators.base import Generator


class Oracle(Transform):
    """The image's `truth`, held: what a perfect search would return."""

    searched = False
    needs_truth = True

    @property
    def dim(self) -> int:  # type: ignore[override]
        return sum(part.dim for part, _ in self.truth)

    @property
    def whole(self) -> Composed:
        """The true transforms one after another."""
        return Composed([part for part, _ in self.truth])

    def identity(self) -> Tensor:
        return self.whole.identity()

    def initial(self, mask: Tensor, generator: Generator) -> Tensor:
        import torch

        return torch.tensor([value for _, values in self.truth for value in values])

    def apply(self, images: Tensor, phi: Tensor) -> Tensor:
        return self.whole.apply(images, phi)

    def invert(self, images: Tensor, phi: Tensor) -> Tensor:
        return self.whole.invert(images, phi)

    def positions(self, points: Tensor, phi: Tensor, size: tuple[int, int]) -> Tensor | None:
        return self.whole.positions(points, phi, size)

    def gain(self, phi: Tensor) -> Tensor | None:
        return self.whole.gain(phi)
