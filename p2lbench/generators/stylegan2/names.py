"""StyleGAN2's tensors, checked, under the names of NVIDIA's stylegan2-ada-pytorch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from p2lbench.errors import UserError
from p2lbench.generators.stylegan2.config import Config

if TYPE_CHECKING:
    from torch import Tensor

    State = Mapping[str, Tensor]

W_AVG = "mapping.w_avg"
_WIDEST = 16_384  # layer of the mapping, whose samples are taken; published ones have 512 or 1024
_MOST_BLOCKS = 11  # to 4096×4096
_FILTERS = ".resample_filter"
_LAYER = {
    "conv.weight": "weight",
    "conv.modulation.weight": "affine.weight",
    "conv.modulation.bias": "affine.bias",
    "noise.weight": "noise_strength",
    "activate.bias": "bias",
    "bias": "bias",
}


def canonical(state: State) -> dict[str, Tensor]:
    """The tensors under NVIDIA's names, whether they have those or rosinality's.

    Raises:
        UserError: they are neither's, or the upsampling filter is not [1, 3, 3, 1].
    """
    if "input.input" in state:
        return dict(_renamed(state))
    if "synthesis.b4.const" not in state:
        some = ", ".join(sorted(map(str, state))[:3]) or "none"
        raise UserError(f"expected the tensors of a StyleGAN2 generator, got {some}")
    for name, tensor in state.items():
        if name.endswith(_FILTERS):
            _check_filter(name, tensor)
    return {name: tensor for name, tensor in state.items() if not name.endswith(_FILTERS)}


def config_of(state: State, clamp: float | None = None, mapping_rate: float = 0.01) -> Config:
    """The architecture that tensors under NVIDIA's names have.

    Raises:
        UserError: a tensor is missing, unknown or of another shape than its neighbours require.
    """
    layers = _count(state, r"mapping\.fc(\d+)\.weight")
    blocks = _count(state, r"synthesis\.b(\d+)\.torgb\.weight")
    width = _shape(state, "synthesis.b4.conv1.affine.weight", 2)[1]
    c_dim = _shape(state, "mapping.embed.weight", 2)[1] if "mapping.embed.weight" in state else 0
    inputs = _shape(state, "mapping.fc0.weight", 2)[1]
    embedded = _shape(state, "mapping.embed.weight", 2)[0] if c_dim else 0
    if (z_dim := inputs - embedded) < 1:
        raise UserError(f"StyleGAN2's mapping: expected a z of at least 1 number, got {z_dim}")
    _check_widths(state, layers)
    noise = "synthesis.b4.conv1.noise_const" in state
    config = Config(z_dim, c_dim, width, 2 ** (blocks + 1), layers, noise, clamp, mapping_rate)
    expected = dict(_expected(config, state, embedded))
    for name, shape in expected.items():
        if name in state and tuple(state[name].shape) == shape:
            continue
        if name not in state and (name == W_AVG or (".noise_" in name and not noise)):
            continue
        found = f"shape {tuple(state[name].shape)}" if name in state else "none"
        raise UserError(f"StyleGAN2's tensor '{name}': expected shape {shape}, got {found}")
    if unknown := sorted(set(state) - set(expected)):
        raise UserError(f"'{unknown[0]}' is no tensor of a StyleGAN2 generator (skip architecture)")
    return config


def _renamed(state: State) -> Iterator[tuple[str, Tensor]]:
    """rosinality's names → NVIDIA's."""
    for name, tensor in state.items():
        if name.endswith(".kernel"):
            _check_filter(name, tensor)
        elif name == "latent_avg":
            yield W_AVG, tensor.reshape(-1)
        elif name == "input.input":
            yield "synthesis.b4.const", tensor.squeeze(0)
        elif found := re.fullmatch(r"style\.([1-9]\d?)\.(weight|bias)", name):
            yield f"mapping.fc{int(found[1]) - 1}.{found[2]}", tensor
        elif found := re.fullmatch(r"noises\.noise_(\d\d?)", name):
            yield f"{_convolution(int(found[1]))}.noise_const", tensor.squeeze()
        else:
            layer, own = _layer(name)
            yield f"{layer}.{own}", _reshaped(own, layer, tensor)


def _layer(name: str) -> tuple[str, str]:
    """rosinality's name of a layer's tensor → NVIDIA's layer and tensor."""
    found = re.fullmatch(r"(conv1|to_rgb1|convs\.\d\d?|to_rgbs\.\d\d?)\.([a-z.]+)", name)
    if found is None or found[2] not in _LAYER:
        raise UserError(f"'{name}' is no tensor of a StyleGAN2 generator")
    kind, _, number = found[1].partition(".")
    if kind.startswith("to_rgb"):
        return f"synthesis.b{8 << int(number) if number else 4}.torgb", _LAYER[found[2]]
    return _convolution(int(number) + 1 if number else 0), _LAYER[found[2]]


def _convolution(n: int) -> str:
    """The n-th convolution: one at 4×4, then two for every resolution."""
    block = (n + 1) // 2
    return f"synthesis.b{4 << block}.conv{n % 2 ^ 1 if n else 1}"


def _reshaped(own: str, layer: str, tensor: Tensor) -> Tensor:
    if own == "weight":
        return tensor.squeeze(0)
    if own == "noise_strength":
        return tensor.squeeze()
    return tensor.reshape(-1) if own == "bias" and layer.endswith("torgb") else tensor


def _expected(config: Config, state: State, embedded: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _expected_mapping(config, state, embedded)
    before = _shape(state, "synthesis.b4.const", 3)[0]
    yield "synthesis.b4.const", (before, 4, 4)
    for side in config.resolutions:
        block = f"synthesis.b{side}"
        name = f"{block}.conv1.weight"
        channels = _shape(state, name, 4)[0]
        inner = ((f"{block}.conv0", before, channels),) if side > 4 else ()
        first = channels if side > 4 else before
        for layer, inputs, outputs in (*inner, (f"{block}.conv1", first, channels)):
            yield from _expected_layer(layer, config.w_dim, inputs, outputs, 3)
            yield f"{layer}.noise_const", (side, side)
            yield f"{layer}.noise_strength", ()
        yield from _expected_layer(f"{block}.torgb", config.w_dim, channels, 3, 1)
        before = channels


def _expected_mapping(
    config: Config, state: State, embedded: int
) -> Iterator[tuple[str, tuple[int, ...]]]:
    if config.c_dim:
        yield "mapping.embed.weight", (embedded, config.c_dim)
        yield "mapping.embed.bias", (embedded,)
    inputs = config.z_dim + embedded
    for i in range(config.layers):
        last = i == config.layers - 1
        outputs = config.w_dim if last else _shape(state, f"mapping.fc{i}.weight", 2)[0]
        yield f"mapping.fc{i}.weight", (outputs, inputs)
        yield f"mapping.fc{i}.bias", (outputs,)
        inputs = outputs
    yield W_AVG, (config.w_dim,)


def _expected_layer(
    name: str, w_dim: int, inputs: int, outputs: int, kernel: int
) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (outputs, inputs, kernel, kernel)
    yield f"{name}.bias", (outputs,)
    yield f"{name}.affine.weight", (inputs, w_dim)
    yield f"{name}.affine.bias", (inputs,)


def _count(state: State, pattern: str) -> int:
    """How many layers or blocks there are.

    Raises:
        UserError: there are none, or they are not numbered as they should be.
    """
    numbers = sorted(int(m[1]) for name in state if (m := re.fullmatch(pattern, name)))
    doubling = numbers[:1] == [4]
    expected = [4 << i for i in range(_MOST_BLOCKS)] if doubling else [*range(len(numbers))]
    if not numbers or numbers != expected[: len(numbers)]:
        what = pattern.replace("\\", "").replace("(d+)", "0, 1, …")
        raise UserError(f"expected the tensors of a StyleGAN2 generator: no sequence of {what}")
    return len(numbers)


def _check_widths(state: State, layers: int) -> None:
    for i in range(layers):
        if (widest := max(_shape(state, f"mapping.fc{i}.weight", 2))) > _WIDEST:
            raise UserError(
                f"StyleGAN2's mapping: expected layers of at most {_WIDEST} numbers, got {widest}"
            )


def _shape(state: State, name: str, dimensions: int) -> tuple[int, ...]:
    if name not in state or state[name].ndim != dimensions:
        found = f"shape {tuple(state[name].shape)}" if name in state else "none"
        raise UserError(
            f"StyleGAN2's tensor '{name}': expected {dimensions} dimensions, got {found}"
        )
    return tuple(state[name].shape)


def _check_filter(name: str, tensor: Tensor) -> None:
    """The network has the filter of the paper built in; gains may differ."""
    taps = tensor.new_tensor([1.0, 3.0, 3.0, 1.0])
    wanted = taps[:, None] * taps / 64
    total = tensor.sum()
    if tensor.shape != (4, 4) or not ((tensor / total - wanted).abs() < 1e-4).all():
        raise UserError(f"StyleGAN2's filter '{name}': only [1, 3, 3, 1] is supported")
