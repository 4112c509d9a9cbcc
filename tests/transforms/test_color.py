"""Colour in float: the authors' 8-bit numbers, inverses, clipping, gradients."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from p2lbench.transforms.color import (
    Brightness,
    Color,
    Contrast,
    Gamma,
    Hue,
    Saturation,
    colored,
    grey,
    hue,
)

Golden = dict[str, Tensor]
FACTORS: dict[str, type[Color]] = {
    "brightness": Brightness,
    "contrast": Contrast,
    "saturation": Saturation,
    "gamma": Gamma,
}
ALL = {**FACTORS, "hue": Hue}


def floored(images: Tensor) -> Tensor:
    """What the authors' code does to an image first: down to 8 bits, not rounded."""
    levels = ((images * 0.5 + 0.5) * 255).floor()
    return 2 * (levels / 255 - 0.5)


def within(found: Tensor, levels: Tensor, tolerance: int) -> float:
    """The share of values that round to a grey level so near the one expected."""
    return float((((found + 1) * 127.5).round() - levels).abs().le(tolerance).float().mean())


def tried(color: Color, golden: Golden, name: str, k: int) -> dict[str, Tensor]:
    phi = golden[f"color.{name}.t"][k].expand(2)[:, None]
    images = floored(golden["in.ims"])
    forward = 2 * (golden[f"color.{name}.forward_u8"][k] / 255 - 0.5)
    return {
        "forward": color.apply(images, phi),
        "invert": color.invert(images, phi),
        "roundtrip": color.invert(floored(forward), phi),
    }


@pytest.mark.parametrize("name", FACTORS)
def test_it_meets_the_authors_numbers_to_a_grey_level(golden: Golden, name: str) -> None:
    for k in range(len(golden[f"color.{name}.t"])):
        for kind, found in tried(FACTORS[name](), golden, name, k).items():
            assert within(found, golden[f"color.{name}.{kind}_u8"][k], 1) >= 0.99


def in_8_bits(images: Tensor, steps: int) -> Tensor:
    """Our hue with what 8 bits do to it between: 255 steps, floored, on a wheel of 256."""
    unit = (images + 1) / 2
    value = unit.amax(1, keepdim=True)
    chroma = value - unit.amin(1, keepdim=True)
    turned = ((hue(unit, value, chroma) / 6 % 1 * 255).floor() + steps) % 256
    return colored(turned / 255 * 6, value, chroma) * 2 - 1


def test_hue_meets_the_authors_numbers_through_8_bits(golden: Golden) -> None:
    images = floored(golden["in.ims"])
    for k, t in enumerate(golden["color.hue.t"].clamp(-0.5 + 1e-6, 0.5 - 1e-6).tolist()):
        steps = int(t * 255)
        forward = golden["color.hue.forward_u8"][k]
        made = {
            "forward": in_8_bits(images, steps),
            "invert": in_8_bits(images, -steps),
            "roundtrip": in_8_bits(floored(2 * (forward / 255 - 0.5)), -steps),
        }
        for kind, found in made.items():
            assert within(found, golden[f"color.hue.{kind}_u8"][k], 3) >= 0.99


def test_hue_in_float_is_as_near_as_8_bits_allow(golden: Golden) -> None:
    """A step of 8-bit hue is 6 grey levels of a full colour, and half a turn is a step short."""
    for k in range(len(golden["color.hue.t"])):
        for kind, found in tried(Hue(), golden, "hue", k).items():
            assert within(found, golden[f"color.hue.{kind}_u8"][k], 12) >= 0.999


@pytest.mark.parametrize("name", ALL)
def test_the_identity_changes_nothing(photo: Tensor, name: str) -> None:
    color = ALL[name]()
    for step in (color.apply, color.invert):
        found = step(photo, color.identity().expand(2, -1))
        torch.testing.assert_close(found, photo.expand(2, -1, -1, -1), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ALL)
def test_a_mask_is_left_alone(name: str) -> None:
    mask = torch.rand(1, 1, 4, 5)
    color = ALL[name]()
    phi = torch.tensor([[0.7], [1.3]])
    assert color.apply(mask, phi).equal(mask.expand(2, -1, -1, -1))
    assert color.invert(mask, phi).equal(mask.expand(2, -1, -1, -1))


strengths = st.lists(st.floats(-0.4, 0.4), min_size=1, max_size=4)


def of(color: Color, amounts: list[float]) -> Tensor:
    """Strengths around the identity: factors as powers, so that both directions are as far."""
    drawn = torch.tensor(amounts)[:, None]
    return drawn if isinstance(color, Hue) else drawn.exp()


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=20)
@given(amounts=strengths)
def test_the_inverse_brings_back_what_was_not_clipped(name: str, amounts: list[float]) -> None:
    color, images = ALL[name](), torch.rand(1, 3, 6, 7, generator=generator()) * 0.3 - 0.15
    phi = of(color, amounts)
    whole = images.expand(len(phi), -1, -1, -1)
    for there, back in ((color.apply, color.invert), (color.invert, color.apply)):
        torch.testing.assert_close(back(there(images, phi), phi), whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=20)
@given(amounts=strengths)
def test_a_batch_is_one_by_one(name: str, amounts: list[float]) -> None:
    color, images = ALL[name](), torch.rand(1, 3, 6, 7, generator=generator()) * 2 - 1
    phi = of(color, amounts)
    alone = torch.cat([color.apply(images, row[None]) for row in phi])
    torch.testing.assert_close(color.apply(images, phi), alone, atol=1e-6, rtol=0)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def test_what_is_clipped_does_not_come_back() -> None:
    images = torch.tensor([-1.0, 0.0, 1.0]).view(1, 1, 1, 3).expand(1, 3, 1, 3)
    phi = torch.tensor([[1.5]])
    bright = Brightness().apply(images, phi)
    torch.testing.assert_close(bright[0, 0, 0], torch.tensor([-1.0, 0.5, 1.0]))
    back = Brightness().invert(bright, phi)
    torch.testing.assert_close(back[0, 0, 0], torch.tensor([-1.0, 0.0, 1 / 3]))


def test_what_each_change_means() -> None:
    """Contrast keeps the mean grey, saturation each grey, hue the extremes of each pixel."""
    images = torch.rand(1, 3, 6, 7, generator=generator()) * 0.6 - 0.3
    phi = torch.tensor([[1.4]])
    contrast, saturation = Contrast().apply(images, phi), Saturation().apply(images, phi)
    torch.testing.assert_close(grey(contrast).mean(), grey(images).mean())
    assert contrast.std() > 1.3 * images.std()
    torch.testing.assert_close(grey(saturation), grey(images), atol=1e-6, rtol=0)
    turned = Hue().apply(images, torch.tensor([[0.2]]))
    for extreme in (torch.amax, torch.amin):
        torch.testing.assert_close(extreme(turned, 1), extreme(images, 1), atol=1e-6, rtol=0)
    red = torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1)
    third = Hue().apply(red, torch.tensor([[1 / 3]]))
    torch.testing.assert_close(third, red.roll(1, 1), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ALL)
def test_gradients_are_finite_everywhere(name: str) -> None:
    """Grey, black, white, two equal channels, and a breath of colour."""
    corners = [(0, 0, 0), (-1, -1, -1), (1, 1, 1), (1, 1, -1), (-1, 1, -1), (1e-7, 0, -1e-7)]
    images = torch.tensor(corners, dtype=torch.float32).T[None, :, None].requires_grad_(True)
    color = ALL[name]()
    for value in (*color.limits[0], float(color.identity())):
        phi = torch.tensor([[value]]).requires_grad_(True)
        for step in (color.apply, color.invert):
            found = torch.autograd.grad(step(images, phi).square().sum(), (images, phi))
            assert all(slope.isfinite().all() for slope in found)


@pytest.mark.parametrize("name", ALL)
def test_gradients_are_those_of_differences(name: str) -> None:
    images = torch.rand(1, 3, 3, 3, dtype=torch.float64, generator=generator()) * 1.2 - 0.6
    color = ALL[name]()
    phi = torch.tensor([[0.9 if name != "hue" else 0.07]], dtype=torch.float64)
    inputs = images.requires_grad_(True), phi.requires_grad_(True)
    assert torch.autograd.gradcheck(color.apply, inputs, eps=1e-6, atol=1e-5)
    assert torch.autograd.gradcheck(color.invert, inputs, eps=1e-6, atol=1e-5)
