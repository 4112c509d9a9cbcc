"""Means over a mask, and masks at another size."""

from __future__ import annotations

import pytest
import torch

from p2lbench.losses import masked


def test_a_full_mask_gives_the_plain_mean_to_the_bit() -> None:
    maps = torch.rand(3, 1, 15, 15, generator=torch.Generator().manual_seed(0))
    assert torch.equal(masked.mean(maps, torch.ones(1, 1, 15, 15)), maps.mean(dim=(1, 2, 3)))


@pytest.mark.parametrize("size", [(15, 15), (7, 7), (3, 3), (1, 1), (40, 40)])
@pytest.mark.parametrize("antialias", [True, False])
def test_a_full_mask_stays_exactly_full(size: tuple[int, int], antialias: bool) -> None:
    small = masked.resize(torch.ones(2, 1, 32, 32), *size, antialias=antialias)
    assert torch.equal(small, torch.ones(2, 1, *size))


@pytest.mark.parametrize("layer", [15, 7, 3, 1])
def test_no_single_pixel_vanishes(layer: int) -> None:
    side = 32
    pixels = torch.eye(side * side).reshape(-1, 1, side, side)
    small = masked.resize(pixels, layer, layer)
    assert torch.all(small.sum(dim=(1, 2, 3)) > 0)
    assert torch.all(small >= 0)


def test_a_mask_of_the_same_size_is_unchanged() -> None:
    masks = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(masked.resize(masks, 8, 8), masks)
