"""Scaling and moving (paper, section 3.3), and the alignment that needs no search (3.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from p2lbench.errors import Skip
from p2lbench.transforms.base import Transform
from p2lbench.transforms.objects import alignment, located
from p2lbench.transforms.resample import stretched

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.generators.base import Generator

SCALES = (1 / 16, 4.0)
SHIFTS = (-2.0, 2.0)


class Spatial(Transform):
    """phi = [sx, sy, tx, ty]: the output at (x, y) is the input at (sx x + tx, sy y + ty).

    Coordinates are -1 to 1, so a shift of 1 is half the image, and a scale above 1 shrinks the
    content. Its inverse is [1/sx, 1/sy, -tx/sx, -ty/sy], exactly, but sampling blurs.
    """

    dim = 4
    limits = (SCALES, SCALES, SHIFTS, SHIFTS)

    def __init__(self, low_pass: bool = True, prealigned: bool = True) -> None:
        """`low_pass`: filter an image where it shrinks, so that it does not alias.

        `prealigned`: start from the mask (section 3.4), else from the identity.
        """
        self.low_pass, self.prealigned = low_pass, prealigned

    def identity(self) -> Tensor:
        import torch

        return torch.tensor([1.0, 1.0, 0.0, 0.0])

    def initial(self, mask: Tensor, generator: Generator) -> Tensor:
        """The mask's object brought to where the generator has its own.

        The identity if the mask is all foreground, or the generator has no `object_stats`.
        """
        import torch

        found, wanted = located(mask), generator.object_stats
        if found is None or wanted is None or not self.prealigned:
            return self.identity()
        s, tx, ty = alignment(found, wanted, SCALES)
        return self.clamped(torch.tensor([s, s, tx, ty]))

    def apply(self, images: Tensor, phi: Tensor) -> Tensor:
        phi = self.clamped(phi)
        return stretched(images, phi[:, :2], phi[:, 2:], self._outside(images), self.low_pass)

    def invert(self, images: Tensor, phi: Tensor) -> Tensor:
        phi = self.clamped(phi)
        scale, shift = 1 / phi[:, :2], -phi[:, 2:] / phi[:, :2]
        return stretched(images, scale, shift, self._outside(images), self.low_pass)

    def positions(self, points: Tensor, phi: Tensor, size: tuple[int, int]) -> Tensor:
        phi = self.clamped(phi)[:, None]
        return (points - phi[..., 2:]) / phi[..., :2]

    def gain(self, phi: Tensor) -> Tensor:
        return phi.new_ones(len(phi))

    def _outside(self, images: Tensor) -> float:
        """Nothing is known outside of a photo, so its mask weighs nothing there."""
        return 0.0 if images.shape[1] == 1 else self.fill


class Prealign(Spatial):
    """phi0 of `spatial`, not searched."""

    searched = False

    def __init__(self, low_pass: bool = True) -> None:
        """`low_pass`: as of `spatial`."""
        super().__init__(low_pass)

    def initial(self, mask: Tensor, generator: Generator) -> Tensor:
        """As of `spatial`.

        Raises:
            Skip: there is no object to align, or nothing to align it to.
        """
        if generator.object_stats is None:
            name = type(generator).__name__
            raise Skip(f"prealign: {name} has no object_stats; p2lbench measure-objects finds them")
        if located(mask) is None:
            raise Skip("prealign: the image has no mask, so its object is not known; add `mask:`")
        return super().initial(mask, generator)
