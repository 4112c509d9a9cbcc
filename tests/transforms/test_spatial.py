"""Scaling and moving: the authors' numbers, exact inverses, low-pass, fill."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from p2lbench.transforms.resample import stretched
from p2lbench.transforms.spatial import SCALES, Spatial

Golden = dict[str, Tensor]
NAMES = ("forward", "invert", "roundtrip")


def four(t: Tensor) -> Tensor:
    """The authors' [s, tx, ty] as [sx, sy, tx, ty]."""
    return torch.stack([t[:, 0], t[:, 0], t[:, 1], t[:, 2]], 1)


def everything(spatial: Spatial, images: Tensor, phi: Tensor) -> dict[str, Tensor]:
    forward = spatial.apply(images, phi)
    back = spatial.invert(images, phi), spatial.invert(forward, phi)
    return dict(zip(NAMES, (forward, *back), strict=True))


def test_it_meets_the_authors_numbers_without_low_pass(golden: Golden) -> None:
    images = golden["in.ims"]
    for k, row in enumerate(four(golden["spatial.t"])):
        for name, found in everything(Spatial(False), images, row.expand(2, -1)).items():
            torch.testing.assert_close(found, golden[f"spatial.{name}"][k], atol=1e-5, rtol=0)


def test_it_meets_the_papers_four_parameters(golden: Golden) -> None:
    images = golden["in.ims"]
    for k, row in enumerate(golden["paper_spatial.psi"]):
        found = everything(Spatial(False), images, row.expand(2, -1))
        for name in NAMES[:2]:
            expected = golden[f"paper_spatial.{name}"][k]
            torch.testing.assert_close(found[name], expected, atol=1e-5, rtol=0)


def test_every_image_has_its_own_phi(golden: Golden) -> None:
    phi = four(golden["spatial_call.t0"] + 0.1 * golden["spatial_call.delta"])
    found = everything(Spatial(False), golden["in.ims"], phi)
    for name in NAMES[:2]:
        expected = golden[f"spatial_call.{name}"]
        torch.testing.assert_close(found[name], expected, atol=1e-5, rtol=0)


def test_it_meets_the_authors_gradient(golden: Golden) -> None:
    images = golden["in.ims"].clone().requires_grad_(True)
    phi = four(golden["spatial.t"])[3].expand(2, -1)
    (Spatial().apply(images, phi) * golden["spatial.cotangent"]).sum().backward()
    torch.testing.assert_close(images.grad, golden["spatial.grad_ims_t3"], atol=1e-5, rtol=0)


def test_low_pass_changes_nothing_where_nothing_shrinks(golden: Golden) -> None:
    """All of the authors' parameters that only magnify, or only move, in either direction."""
    images, compared = golden["in.ims"], 0
    for row in four(golden["spatial.t"]):
        phi = row.expand(2, -1)
        plain, filtered = (everything(Spatial(on), images, phi) for on in (False, True))
        shrinks = {"forward": row[0] > 1, "invert": row[0] < 1}
        for name, does in shrinks.items():
            assert bool(plain[name].equal(filtered[name])) == (not does)
            compared += not does
    assert compared > 8


def test_a_checkerboard_shrinks_to_grey_and_not_to_a_pattern() -> None:
    board = (torch.arange(32)[:, None] + torch.arange(32)) % 2 * 2.0 - 1
    board = board.expand(1, 3, 32, 32)
    phi = torch.tensor([[3.0, 3.0, 0.0, 0.0]])
    inside = slice(12, 20)
    aliased, filtered = (Spatial(on).apply(board, phi)[:, :, inside, inside] for on in (0, 1))
    assert aliased.abs().min() > 0.9
    assert filtered.abs().max() < 0.15


def test_a_mean_survives_shrinking() -> None:
    """Every input pixel counts the same, which bilinear sampling does not promise."""
    dots = torch.zeros(1, 1, 32, 32)
    dots[0, 0, 9::7, 9::7] = 1
    phi = torch.tensor([[3.0, 3.0, 0.0, 0.0]])
    aliased, filtered = (float(Spatial(on).apply(dots, phi).sum()) * 9 for on in (False, True))
    assert filtered == pytest.approx(float(dots.sum()), rel=1e-4)
    assert abs(aliased / float(dots.sum()) - 1) > 0.3


def test_the_identity_is_bitwise(photo: Tensor) -> None:
    spatial = Spatial()
    spatial.fill = -1.0
    phi = spatial.identity().expand(2, -1)
    assert spatial.apply(photo, phi).equal(photo.expand(2, -1, -1, -1))
    assert spatial.invert(photo, phi).equal(photo.expand(2, -1, -1, -1))


def test_outside_is_the_generators_background_and_no_mask(photo: Tensor) -> None:
    spatial = Spatial()
    spatial.fill = -0.75
    phi = torch.tensor([[1.0, 1.0, 1.0, 0.0]])  # half an image to the left
    found = spatial.apply(photo, phi)
    torch.testing.assert_close(found[..., :16], photo[..., 16:])
    assert (found[..., 16:] == -0.75).all()
    mask = spatial.apply(torch.ones(1, 1, 24, 32), phi)
    assert (mask[..., :16] == 1).all()
    assert (mask[..., 16:] == 0).all()


numbers = st.floats(0.5, 1.9), st.floats(0.5, 1.9)
shifts = st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)
phis = st.lists(st.tuples(*numbers, *shifts), min_size=1, max_size=4).map(torch.tensor)


@settings(max_examples=25)
@given(phis)
def test_the_inverse_is_exact_as_a_map(phi: Tensor) -> None:
    """On a picture of its own coordinates bilinear sampling loses nothing, so only the map is
    seen: away from the border the round trip is the picture."""
    ys, xs = ((torch.arange(n) + 0.5) * (2 / n) - 1 for n in (24, 32))
    plane = torch.stack(torch.meshgrid(ys, xs, indexing="ij"))[None]
    plain = Spatial(False)
    for there, back in ((plain.apply, plain.invert), (plain.invert, plain.apply)):
        found = back(there(plane, phi), phi)
        seen = back(there(torch.ones(1, 1, 24, 32), phi), phi) > 1 - 1e-6
        # The clamp of a border pixel is no part of the plane.
        seen = seen & (torch.nn.functional.avg_pool2d(seen.float(), 5, 1, 2) > 0.99)
        assert ((found - plane).abs() * seen).max() < 1e-4


@settings(max_examples=25)
@given(phis)
def test_a_batch_is_one_by_one(phi: Tensor) -> None:
    photo = torch.rand(1, 3, 12, 9, generator=torch.Generator().manual_seed(1))
    for step in (Spatial().apply, Spatial().invert):
        alone = torch.cat([step(photo, row[None]) for row in phi])
        torch.testing.assert_close(step(photo, phi), alone, atol=1e-6, rtol=0)


# A kink of the triangles where a difference straddles it is no error, so the draws stay the same.
@settings(max_examples=20, derandomize=True)
@given(phis)
def test_gradients_are_those_of_differences(phi: Tensor) -> None:
    """In float64, of images and of phi; the filter's kinks are between pixels."""
    photo = torch.rand(1, 2, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    phi = phi[:1].double() + torch.tensor([1.01e-3, 2.03e-3, 3.07e-3, 1.09e-3])
    inputs = photo.requires_grad_(True), phi.requires_grad_(True)
    for low_pass in (False, True):
        spatial = Spatial(low_pass)
        assert torch.autograd.gradcheck(
            lambda images, p, t=spatial: t.apply(images, p), inputs, eps=1e-7, atol=1e-3
        )


def test_limits_keep_scales_positive(photo: Tensor) -> None:
    spatial = Spatial()
    wild = torch.tensor([[-1.0, 0.0, 9.0, -9.0], [99.0, 99.0, 0.0, 0.0]])
    assert spatial.clamped(wild)[:, :2].tolist() == [[SCALES[0]] * 2, [SCALES[1]] * 2]
    for step in (spatial.apply, spatial.invert):
        assert step(photo, wild).isfinite().all()
        torch.testing.assert_close(step(photo, wild), step(photo, spatial.clamped(wild)))


def test_extreme_scales_have_finite_gradients(photo: Tensor) -> None:
    for value in (SCALES[0], 1.0, SCALES[1]):
        phi = torch.full((1, 4), value).requires_grad_(True)
        stretched(photo, phi[:, :2], phi[:, 2:]).sum().backward()
        assert phi.grad is not None
        assert phi.grad.isfinite().all()
