"""MS-SSIM against torchmetrics, and what is ours: fewer scales and the mask."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchmetrics.functional.image import (
    structural_similarity_index_measure as similarity,
)

from p2lbench.losses.ms_ssim import EXPONENTS, MSSSIM, exponents


def draw(n: int, size: int) -> tuple[Tensor, Tensor]:
    """Smooth targets, and the same with noise that grows from row to row."""
    generator = torch.Generator().manual_seed(size)
    coarse = torch.rand(n, 3, 6, 6, generator=generator) * 2 - 1
    targets = torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic").clamp(-1, 1)
    noise = (
        torch.randn(targets.shape, generator=generator)
        * torch.linspace(0.02, 0.8, n)[:, None, None, None]
    )
    return (targets + noise).clamp(-1, 1), targets


def value(images: Tensor, targets: Tensor, masks: Tensor) -> Tensor:
    loss = MSSSIM()
    return loss(images, loss.prepare(targets, masks))


def reference(x: Tensor, y: Tensor, powers: tuple[float, ...]) -> Tensor:
    """Composed of torchmetrics' similarity and contrast.

    Its own multi-scale function takes the coarsest similarity over reflected borders as well,
    where Wang et al. take whole windows only; so that one is cropped here.
    """
    value = torch.ones(len(x))
    for k, power in enumerate(powers):
        if k == len(powers) - 1:
            full = similarity(x, y, data_range=1.0, reduction="none", return_full_image=True)[1]
            term = full[..., 5:-5, 5:-5].mean((1, 2, 3))
        else:
            term = similarity(
                x, y, data_range=1.0, reduction="none", return_contrast_sensitivity=True
            )[1]
        value = value * term.relu() ** power
        x, y = torch.nn.functional.avg_pool2d(x, 2), torch.nn.functional.avg_pool2d(y, 2)
    return value


@pytest.mark.parametrize("size", [192, 96, 45, 32, 11])
def test_agrees_with_torchmetrics(size: int) -> None:
    images, targets = draw(4, size)
    expected = reference((images + 1) / 2, (targets + 1) / 2, exponents(size, size))
    found = value(images, targets, torch.ones(1, 1, size, size))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert found[0] > found[-1]


@pytest.mark.parametrize(
    ("size", "scales"),
    [(11, 1), (21, 1), (22, 2), (32, 2), (44, 3), (64, 3), (88, 4), (175, 4), (176, 5), (1024, 5)],
)
def test_as_many_scales_as_the_window_fits_into(size: int, scales: int) -> None:
    powers = exponents(size, size + 100)
    assert len(powers) == scales
    assert sum(powers) == pytest.approx(sum(EXPONENTS))


def test_five_scales_keep_the_published_exponents() -> None:
    assert exponents(256, 256) == pytest.approx(EXPONENTS, rel=1e-15)


def test_no_pixel_outside_a_hard_mask_and_its_windows_counts() -> None:
    images, targets = draw(1, 64)
    masks = torch.zeros(1, 1, 64, 64)
    masks[..., :8, :8] = 1
    other = images.clone()
    other[..., 56:, 56:] = -other[..., 56:, 56:]
    assert value(other, targets, masks) == pytest.approx(value(images, targets, masks).item())
    assert value(other, targets, 1 - masks) < value(images, targets, 1 - masks)


@pytest.mark.parametrize("corner", [(0, 0), (0, 63), (31, 40), (63, 63)])
def test_a_single_pixel_is_mask_enough(corner: tuple[int, int]) -> None:
    images, targets = draw(1, 64)
    masks = torch.zeros(1, 1, 64, 64)
    masks[0, 0, corner[0], corner[1]] = 1
    found = value(images, targets, masks)
    assert torch.isfinite(found).all()
    assert 0 < found.item() <= 1.0001
    assert value(targets, targets, masks).item() == pytest.approx(1, abs=1e-5)
