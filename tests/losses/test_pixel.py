"""l1, l2, mae, mse and psnr."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from p2lbench.losses.base import Loss
from p2lbench.losses.pixel import L1, L2, MAE, MSE
from p2lbench.losses.psnr import PSNR

MASKS = ("binary", "weight03", "soft", "ones")
few = settings(max_examples=25, derandomize=True)


def value(loss: Loss, images: Tensor, targets: Tensor, masks: Tensor) -> Tensor:
    return loss(images, loss.prepare(targets, masks))


def draw(seed: int, height: int = 9, width: int = 7) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images, targets = (torch.rand(2, 3, height, width, generator=generator) * 2 - 1 for _ in "ab")
    return images, targets, torch.rand(2, 1, height, width, generator=generator)


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize(("name", "loss"), [("l1", L1()), ("l2", L2())])
def test_the_paper_scale(golden: dict[str, Tensor], name: str, loss: Loss, mask: str) -> None:
    found = value(loss, golden["in.out"], golden["in.target"], golden[f"in.mask_{mask}"])
    torch.testing.assert_close(found, golden[f"{name}.{mask}.mask1ch"], rtol=1e-5, atol=0)


@pytest.mark.parametrize(("name", "loss"), [("l1", MAE()), ("l2", MSE())])
def test_the_scale_per_element(golden: dict[str, Tensor], name: str, loss: Loss) -> None:
    found = value(loss, golden["in.out"], golden["in.target"][:1], golden["in.mask_binary"][:1])
    torch.testing.assert_close(found, golden[f"{name}.broadcast_mask"], rtol=1e-5, atol=0)


@few
@given(seed=st.integers(0, 2**20))
def test_a_full_mask_is_no_mask(seed: int) -> None:
    images, targets, masks = draw(seed)
    masks = torch.ones_like(masks)
    per_pixel = (images - targets).flatten(1)
    expected = per_pixel.abs().mean(1)
    torch.testing.assert_close(value(MAE(), images, targets, masks), expected)
    torch.testing.assert_close(value(MSE(), images, targets, masks), per_pixel.square().mean(1))


@few
@given(seed=st.integers(0, 2**20))
def test_scales_agree(seed: int) -> None:
    arguments = draw(seed)
    torch.testing.assert_close(value(L1(), *arguments), 3 * value(MAE(), *arguments))
    torch.testing.assert_close(value(L2(), *arguments), 3 * value(MSE(), *arguments))
    decibels = -10 * (value(MSE(), *arguments) / 4).log10()
    torch.testing.assert_close(value(PSNR(), *arguments), decibels, rtol=1e-5, atol=1e-4)


@few
@given(seed=st.integers(0, 2**20))
def test_nothing_outside_a_hard_mask_counts(seed: int) -> None:
    images, targets, masks = draw(seed)
    masks = (masks > 0.5).float()
    other = torch.where(masks > 0, images, -images)
    for loss in (L1(), L2(), MAE(), MSE(), PSNR()):
        assert torch.equal(value(loss, images, targets, masks), value(loss, other, targets, masks))


@pytest.mark.parametrize("loss", [L1(), L2(), MAE(), MSE()])
def test_gradients_are_the_derivative(loss: Loss) -> None:
    images, targets, masks = (tensor.double() for tensor in draw(3, 4, 4))
    prepared = loss.prepare(targets, masks)
    assert torch.autograd.gradcheck(lambda x: loss(x, prepared), images.requires_grad_())


def test_psnr_of_known_errors() -> None:
    targets = torch.zeros(3, 3, 4, 4)
    images = torch.stack([torch.full((3, 4, 4), error) for error in (0.2, 1.0, 0.0)])
    found = value(PSNR(), images, targets, torch.ones(3, 1, 4, 4))
    torch.testing.assert_close(found, torch.tensor([20.0, 6.0206, 100.0]), rtol=1e-5, atol=1e-4)


def test_psnr_clamps_images_as_a_viewer_would() -> None:
    targets, masks = torch.ones(1, 3, 4, 4), torch.ones(1, 1, 4, 4)
    assert value(PSNR(), targets + 3, targets, masks).item() == 100
