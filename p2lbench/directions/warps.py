"""Edits of images that directions are learnt to imitate, and where they leave something to see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from p2lbench.transforms.resample import stretched

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Warp:
    """`unit`: what a strength of 1 is; `reach`: the largest strength that is learnt; `place`:
    strengths (n,) → scale and shift (n, 2), by which the output at x is the input at
    scale · x + shift."""

    unit: str
    reach: float
    place: Callable[[Tensor], tuple[Tensor, Tensor]]

    def __call__(self, images: Tensor, strengths: Tensor) -> tuple[Tensor, Tensor]:
        """Images (n, 3, H, W), and a mask (n, 1, H, W) of what the edit has data for, 0 or 1."""
        scale, shift = self.place(strengths)
        covered = stretched(images.new_ones(1, 1, *images.shape[2:]), scale, shift)
        return stretched(images, scale, shift), (covered > _WHOLE).to(images)


_WHOLE = 0.999


def _shifted(axis: int) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    def place(strengths: Tensor) -> tuple[Tensor, Tensor]:
        shift = strengths.new_zeros(len(strengths), 2)
        shift[:, axis] = -2 * strengths
        return strengths.new_ones(len(strengths), 2), shift

    return place


def _zoomed(strengths: Tensor) -> tuple[Tensor, Tensor]:
    scale = (-strengths).exp2()[:, None].expand(-1, 2)
    return scale, strengths.new_zeros(len(strengths), 2)


WARPS = {
    "shift-x": Warp("image widths to the right", 0.2, _shifted(0)),
    "shift-y": Warp("image heights down", 0.2, _shifted(1)),
    "zoom": Warp("doublings of the size", 0.5, _zoomed),
}
