"""The DCGAN generator (Radford et al. 2016, section 3), and the form of it that inverting needs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

LATENTS, WIDTH, COLOURS = 100, 64, 3
_KERNEL = 4
_PREFIX = "main."  # of the names in the published state


def generator() -> nn.Sequential:
    """z (n, 100, 1, 1) → images (n, 3, 64, 64) in [-1, 1]; not trained.

    Transposed convolutions of 4×4, the first onto 4×4 pixels and each of the others doubling them,
    with batch norm and ReLU between them and tanh at the end.
    """
    channels = (LATENTS, 8 * WIDTH, 4 * WIDTH, 2 * WIDTH, WIDTH)
    layers: list[nn.Module] = []
    for depth, (before, after) in enumerate(pairwise(channels)):
        layers += [_enlarge(before, after, first=depth == 0), nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, _enlarge(WIDTH, COLOURS), nn.Tanh())


def _enlarge(before: int, after: int, first: bool = False, bias: bool = False) -> nn.Module:
    stride, padding = (1, 0) if first else (2, 1)
    return nn.ConvTranspose2d(before, after, _KERNEL, stride, padding, bias=bias)


def read(path: Path) -> nn.Sequential:
    """The trained generator from the published file, in evaluation mode.

    Raises:
        RuntimeError: its state is not that of this generator.
    """
    content = torch.load(path, map_location="cpu", weights_only=True)
    state: dict[str, Tensor] = content["netG_state_dict"]
    model = generator()
    model.load_state_dict({name.removeprefix(_PREFIX): value for name, value in state.items()})
    return model.eval()


def inference_form(model: nn.Sequential) -> nn.Sequential:
    """The same function at less cost: batch norm, which in evaluation is a scale and a shift per
    channel, folded into the convolutions; frozen; channels last, as CPUs like it."""
    folded = nn.Sequential(*_folded(list(model)))
    return folded.to(memory_format=torch.channels_last).eval().requires_grad_(False)


def _folded(layers: list[nn.Module]) -> Iterator[nn.Module]:
    for layer, following in zip(layers, [*layers[1:], nn.Identity()], strict=True):
        if isinstance(layer, nn.ConvTranspose2d) and isinstance(following, nn.BatchNorm2d):
            yield _scaled(layer, following)
        elif not isinstance(layer, nn.BatchNorm2d):
            yield layer


def _scaled(layer: nn.ConvTranspose2d, norm: nn.BatchNorm2d) -> nn.Module:
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise ValueError("expected batch norm with running statistics")
    scale = norm.weight / (variance + norm.eps).sqrt()
    first = layer.stride == (1, 1)
    made = _enlarge(layer.in_channels, layer.out_channels, first, bias=True)
    made.load_state_dict(
        {"weight": layer.weight * scale[:, None, None], "bias": norm.bias - mean * scale}
    )
    return made
