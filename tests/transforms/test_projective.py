"""Turning and tilting: direction, exact inverses, low-pass, gradients."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from p2lbench.transforms.projective import Perspective, Projective, Rotation
from p2lbench.transforms.resample import warped

KINDS: dict[str, type[Projective]] = {"rotation": Rotation, "perspective": Perspective}
SIZE = (24, 32)


def some(kind: str, amounts: list[float]) -> Tensor:
    """phi of -1 to 1 times about as much as each may be."""
    drawn = torch.tensor(amounts)[:, None]
    return drawn * 170 if kind == "rotation" else torch.cat([0.35 * drawn, -0.2 * drawn], 1)


fractions = st.lists(st.floats(-1, 1), min_size=1, max_size=3)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25)
@given(amounts=fractions)
def test_the_inverse_is_exact(kind: str, amounts: list[float]) -> None:
    transform, phi = KINDS[kind](), some(kind, amounts)
    product = transform.matrices(phi, SIZE) @ transform.matrices(-phi, SIZE)
    torch.testing.assert_close(product, torch.eye(3).expand_as(product), atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15)
@given(amounts=fractions)
def test_a_batch_is_one_by_one(kind: str, amounts: list[float]) -> None:
    transform, phi = KINDS[kind](), some(kind, amounts)
    images = torch.rand(1, 3, 9, 12, generator=torch.Generator().manual_seed(0))
    for step in (transform.apply, transform.invert):
        alone = torch.cat([step(images, row[None]) for row in phi])
        torch.testing.assert_close(step(images, phi), alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_identity_changes_nothing(photo: Tensor, kind: str) -> None:
    transform = KINDS[kind]()
    phi = transform.identity().expand(2, -1)
    for step in (transform.apply, transform.invert):
        torch.testing.assert_close(step(photo, phi), photo.expand(2, -1, -1, -1), atol=1e-5, rtol=0)


def test_a_quarter_turn_is_counter_clockwise() -> None:
    photo = torch.rand(1, 3, 12, 12)
    found = Rotation().apply(photo, torch.tensor([[90.0]]))
    torch.testing.assert_close(found, photo.rot90(1, (2, 3)), atol=1e-5, rtol=0)
    back = Rotation().invert(found, torch.tensor([[90.0]]))
    torch.testing.assert_close(back, photo, atol=1e-5, rtol=0)


def test_a_turn_keeps_shapes_where_the_image_is_not_square() -> None:
    ys, xs = torch.meshgrid(torch.arange(24) - 11.5, torch.arange(32) - 15.5, indexing="ij")
    disc = torch.sigmoid(8 - (xs**2 + ys**2).sqrt())[None, None]
    found = Rotation().apply(disc, torch.tensor([[30.0], [77.0]]))
    assert (found - disc).abs().max() < 0.05


def test_a_tilt_enlarges_the_side_it_says() -> None:
    bars = torch.zeros(1, 1, 32, 32)
    bars[..., 12:20, 4:8] = bars[..., 12:20, 24:28] = 1
    found = Perspective().apply(bars, torch.tensor([[0.3, 0.0]]))
    left, right = found[..., :16].sum(), found[..., 16:].sum()
    assert right > 1.5 * left


def test_outside_is_the_generators_background(photo: Tensor) -> None:
    for transform, phi in ((Rotation(), [[45.0]]), (Perspective(), [[-0.4, 0.0]])):
        transform.fill = -0.5
        found = transform.apply(photo, torch.tensor(phi))
        assert (found == -0.5).all(1).any()
        masks = transform.apply(torch.ones(1, 1, *SIZE), torch.tensor(phi))
        assert masks.min() == 0


def test_a_checkerboard_shrinks_to_grey() -> None:
    """A homography that only shrinks, so that each pixel needs the same width."""
    board = ((torch.arange(64)[:, None] + torch.arange(64)) % 2 * 2.0 - 1).expand(1, 1, 64, 64)
    shrink = torch.diag(torch.tensor([5.0, 5.0, 1.0]))[None]
    aliased, filtered = (warped(board, shrink, 0.0, on)[..., 28:36, 28:36] for on in (False, True))
    assert aliased.abs().min() > 0.9
    assert filtered.abs().max() < 0.05


def test_low_pass_changes_nothing_where_nothing_shrinks(photo: Tensor) -> None:
    tilt = torch.tensor([[0.4, 0.0]])
    plain, filtered = (Perspective(on).apply(photo, tilt) for on in (False, True))
    assert not plain.equal(filtered)
    enlarged = slice(26, None)  # the right side, columns and rows alike
    torch.testing.assert_close(plain[..., enlarged], filtered[..., enlarged], atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_differences(kind: str) -> None:
    images = torch.rand(1, 2, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    phi = some(kind, [0.137]).double()
    inputs = images.requires_grad_(True), phi.requires_grad_(True)
    transform = KINDS[kind]()
    assert torch.autograd.gradcheck(transform.apply, inputs, eps=1e-7, atol=1e-3)


def test_the_worst_tilt_is_finite(photo: Tensor) -> None:
    phi = torch.tensor([[0.4, 0.4], [-0.4, -0.4], [9.0, -9.0]]).requires_grad_(True)
    for step in (Perspective().apply, Perspective().invert):
        found = step(photo, phi)
        (slope,) = torch.autograd.grad(found.sum(), phi)
        assert found.isfinite().all()
        assert slope.isfinite().all()
