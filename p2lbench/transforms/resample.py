"""Sampling images elsewhere: bilinear where they grow, low-pass filtered where they shrink.

Coordinates are those of torch's grid_sample with align_corners=False: -1 and 1 are the image's
outer edges. A map takes output coordinates to input coordinates. What lies outside the image has
the value `fill`.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

MAX_LEVEL = 6


def stretched(
    images: Tensor, scale: Tensor, shift: Tensor, fill: float = 0.0, low_pass: bool = True
) -> Tensor:
    """Images (1 or n, C, H, W) at `scale * x + shift`, both (n, 2) in the order x, y.

    Axis by axis, as a matrix of bilinear weights. Where a scale is above 1 the image shrinks, and
    the triangle of weights is as wide as the scale, so that no pixel is passed over.
    """
    across, down = (
        _weights(scale[:, k], shift[:, k], images.shape[3 - k], low_pass) for k in (0, 1)
    )
    found: Tensor = down[:, None] @ images @ across[:, None].mT
    covered = down.sum(2)[:, None, :, None] * across.sum(2)[:, None, None, :]
    return found + fill * (1 - covered)


def warped(images: Tensor, matrices: Tensor, fill: float = 0.0, low_pass: bool = True) -> Tensor:
    """Images (1 or n, C, H, W) under homographies (n, 3, 3) that leave no point at infinity.

    Where the map shrinks, it samples copies that are blurred by 1, 2, 4, … pixels, and mixes the
    two nearest to what is needed there (a mip map; Williams, 1983).
    """
    import torch

    size = (images.shape[2], images.shape[3])
    grid, spacing = _projected(matrices, size)
    layers = torch.cat([images, torch.ones_like(images[:, :1])], 1)  # the last is the coverage
    level = spacing.clamp(1, 2**MAX_LEVEL).log2() if low_pass else torch.zeros_like(spacing)
    found = torch.zeros(1, device=images.device)
    for k in range(ceil(float(level.detach().max())) + 1):
        share = (1 - (level - k).abs()).clamp(min=0)[:, None]
        found = found + share * _sampled(_blurred(layers, 2.0**k), grid)
    return found[:, :-1] + fill * (1 - found[:, -1:])


def _weights(scale: Tensor, shift: Tensor, size: int, low_pass: bool) -> Tensor:
    """(n, size, size): how much of each input pixel is in each output pixel of one axis."""
    import torch

    centers = torch.arange(size, device=scale.device) - (size - 1) / 2
    at = scale[:, None] * centers + shift[:, None] * (size / 2) + (size - 1) / 2
    width = scale.clamp(min=1) if low_pass else torch.ones_like(scale)
    return _triangles(at, width, size)


def _triangles(at: Tensor, width: Tensor, size: int) -> Tensor:
    """(n, m, size): triangles of a half-width (n,) around places (n, m) in pixels, of sum 1.

    The sum is taken over all pixels there could be, so that it is below 1 outside the image.
    """
    import torch

    pixels = torch.arange(size, device=at.device)
    half = ceil(float(width.detach().max()))
    near = at.detach().floor()[:, :, None] + torch.arange(-half, half + 2, device=at.device)
    total = (1 - (at[:, :, None] - near).abs() / width[:, None, None]).clamp(min=0).sum(2)
    found = (1 - (at[:, :, None] - pixels).abs() / width[:, None, None]).clamp(min=0)
    return found / total[:, :, None]


def _blurred(images: Tensor, width: float) -> Tensor:
    """A triangle filter of a half-width in pixels; width 1 changes nothing."""
    import torch

    if width == 1:
        return images
    sides = [torch.arange(n).to(images)[None] for n in images.shape[2:]]
    one = images.new_full((1,), width)
    down, across = (_triangles(side, one, side.shape[1]) for side in sides)
    blurred: Tensor = down @ images @ across.mT
    return blurred


def _sampled(images: Tensor, grid: Tensor) -> Tensor:
    from torch.nn.functional import grid_sample

    every = images.expand(len(grid), -1, -1, -1)
    return grid_sample(every, grid, padding_mode="zeros", align_corners=False)


def _projected(matrices: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Where each output pixel lies in the input (n, H, W, 2), and how far in input pixels it is
    from its neighbours (n, H, W), the larger of both directions."""
    import torch

    height, width = size
    ys, xs = ((torch.arange(n).to(matrices) + 0.5) * (2 / n) - 1 for n in (height, width))
    y, x = torch.meshgrid(ys, xs, indexing="ij")
    lines = torch.stack([x, y, torch.ones_like(x)], -1)
    u, v, w = (lines @ matrices.mT[:, None]).unbind(-1)
    at = torch.stack([u / w, v / w], -1)
    slopes = matrices[:, None, None, :2, :2] - at[..., None] * matrices[:, None, None, 2:, :2]
    pixels = matrices.new_tensor([[1.0, width / height], [height / width, 1.0]])
    steps = (slopes / w[..., None, None] * pixels).square().sum(-2)
    return at, steps.amax(-1).sqrt()
