"""The parts of BigGAN's inference form against the operations that they stand for."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from p2lbench.generators.biggan.network import _Doubled, _NormedReLU, folded, upsampling
from p2lbench.generators.biggan.statistics import Statistics


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def test_the_transposed_convolution_is_upsampling_and_a_convolution():
    image, weight = random(2, 5, 3, 4), random(6, 5, 3, 3, seed=1)
    doubled = F.interpolate(image, scale_factor=2, mode="nearest")
    ours = F.conv_transpose2d(image, upsampling(weight), stride=2, padding=1)
    torch.testing.assert_close(ours, F.conv2d(doubled, weight, padding=1))


@pytest.mark.parametrize("each", [True, False])
def test_norm_and_relu_have_the_slopes_of_what_they_are(each):
    x = random(2, 3, 4, 5).requires_grad_(True)
    scale, shift = (random(2 if each else 1, 1, 1, 5, seed=s) for s in (1, 2))
    if each:
        scale, shift = scale.requires_grad_(True), shift.requires_grad_(True)
    torch.testing.assert_close(_NormedReLU.apply(x, scale, shift), (x * scale + shift).relu())
    assert torch.autograd.gradcheck(_NormedReLU.apply, (x, scale, shift))


def test_doubling_has_the_slope_of_what_it_is():
    x = random(2, 3, 4, 5).requires_grad_(True)
    expected = F.interpolate(x.permute(0, 3, 1, 2), scale_factor=2, mode="nearest")
    doubled = _Doubled.apply(x).flatten(3, 4).flatten(1, 2)
    torch.testing.assert_close(doubled.permute(0, 3, 1, 2), expected)
    assert torch.autograd.gradcheck(_Doubled.apply, (x,))


def test_a_spectral_norm_is_folded_as_torch_removes_it():
    layer = torch.nn.utils.spectral_norm(torch.nn.Conv2d(4, 3, 3)).eval()
    state = {f"a.{name}": value for name, value in layer.state_dict().items()}
    weight = folded(state, "a")
    torch.nn.utils.remove_spectral_norm(layer)
    torch.testing.assert_close(weight, layer.weight)
    assert folded({"a.weight": weight}, "a") is weight


@pytest.mark.parametrize("truncation", [0.02, 0.5, 0.51, 0.77, 1.0])
def test_linear_interpolation_of_a_line_is_the_line(truncation):
    table = torch.linspace(0, 1, 51, dtype=torch.double)[:, None]
    at = Statistics(truncation, "linear").at(table)
    torch.testing.assert_close(at, torch.tensor([truncation], dtype=torch.double))


def test_the_package_takes_the_row_beside_where_division_rounds():
    table = torch.arange(51, dtype=torch.double)[:, None]
    beside = {}
    for row in range(1, 51):
        found = float(Statistics(row / 50, "package").at(table))
        if abs(found - row) > 1e-6:
            beside[row / 50] = round(found) - row
    assert beside == {0.14: 1, 0.28: 1, 0.56: 1, 0.58: -1, 0.94: -1}


@pytest.mark.parametrize("rows", [2, 50, 51])
def test_truncation_1_is_the_last_row_however_many_there_are(rows):
    table = torch.arange(rows, dtype=torch.double)[:, None]
    for interpolation in ("package", "linear"):
        at = Statistics(1.0, interpolation).at(table)
        torch.testing.assert_close(at, torch.tensor([rows - 1.0], dtype=torch.double))
