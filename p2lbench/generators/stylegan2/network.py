"""StyleGAN2's mapping and synthesis in plain PyTorch, for inference: weights are frozen.

Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN" (modulated
convolutions, section 2.2; skip architecture, section 4.1); conditional mapping and clamping of
Karras et al. 2020, "Training Generative Adversarial Networks with Limited Data". Tensors have the
names of the latter's published code. Learning-rate multipliers and equalised scales are folded in
when a layer is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from p2lbench.generators.stylegan2.config import Config

State = Mapping[str, Tensor]
_SLOPE, _GAIN, _EPS = 0.2, 2**0.5, 1e-8
_FILTER = (1.0, 3.0, 3.0, 1.0)  # doubles a side; its sum is 8, or 4 for each of the two phases


class Linear(nn.Module):
    """A fully connected layer, its equalised scale 1 / sqrt(inputs) and rate folded in."""

    weight: Tensor
    bias: Tensor

    def __init__(self, state: State, name: str, rate: float = 1.0) -> None:
        super().__init__()
        weight = state[f"{name}.weight"].float()
        self.register_buffer("weight", weight * (rate / weight.shape[1] ** 0.5))
        self.register_buffer("bias", state[f"{name}.bias"].float() * rate)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class MappingNetwork(nn.Module):
    """(z, class vector) → w. The class vector is the embedding of the label, not yet normalised."""

    def __init__(self, config: Config, state: State) -> None:
        super().__init__()
        self.embed = Linear(state, "mapping.embed") if config.c_dim else None
        names = [f"mapping.fc{i}" for i in range(config.layers)]
        self.layers = nn.ModuleList(Linear(state, name, config.mapping_rate) for name in names)

    def embedded(self, classes: Tensor) -> Tensor:
        """Numbers (n,) → class vectors (n, width), without a column for each class."""
        if self.embed is None:
            raise ValueError("this network has no classes")
        return self.embed.weight.T[classes] + self.embed.bias

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        parts = [z] if c is None else [z, c]
        x = torch.cat([_normalised(part) for part in parts if part.shape[1]], dim=1)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), _SLOPE) * _GAIN
        return x


class Styled(nn.Module):
    """A convolution whose input channels a style scales; `up` doubles the side before its end.

    The style scales the activations, and demodulation the outputs: the same as scaling the weights
    for every sample (section 2.2, eq. 1-3), without a copy of them for each.
    """

    weight: Tensor
    bias: Tensor
    squares: Tensor | None
    noise: Tensor | None
    strength: Tensor | None

    def __init__(self, state: State, name: str, clamp: float | None, up: bool) -> None:
        super().__init__()
        self.affine = Linear(state, f"{name}.affine")
        weight = state[f"{name}.weight"].float()
        self.clamp, self.up = clamp, up
        self.register_buffer("weight", weight.transpose(0, 1).contiguous() if up else weight)
        self.register_buffer("squares", weight.square().sum((2, 3)))
        self.register_buffer("bias", state[f"{name}.bias"].float())
        for own, key in (("noise", "noise_const"), ("strength", "noise_strength")):
            found = state.get(f"{name}.{key}")
            self.register_buffer(own, None if found is None else found.float())

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        """x (n, C, s, s), w (n, w_dim), noise (1 or n, 1, S, S) → (n, C', S, S)."""
        style = self.affine(w)
        squares = self._squares() if self.squares is None else self.squares
        scale = (F.linear(style.square(), squares) + _EPS).rsqrt()
        x = self._convolved(x * style[:, :, None, None]) * scale[:, :, None, None]
        if noise is not None and self.strength is not None:
            x = x + noise * self.strength
        x = F.leaky_relu(x + self.bias[:, None, None], _SLOPE) * _GAIN
        return x if self.clamp is None else x.clamp(-self.clamp, self.clamp)

    def thaw(self) -> None:
        """From now on the squares follow the weight, which may change."""
        self.squares = None

    def _squares(self) -> Tensor:
        squares = self.weight.square().sum((2, 3))
        return squares.T if self.up else squares

    def _convolved(self, x: Tensor) -> Tensor:
        if not self.up:
            return F.conv2d(x, self.weight, padding=self.weight.shape[2] // 2)
        return _smoothed(F.conv_transpose2d(x, self.weight, stride=2))


class Colours(nn.Module):
    """A styled 1×1 convolution to red, green and blue, without demodulation."""

    weight: Tensor
    bias: Tensor

    def __init__(self, state: State, name: str, clamp: float | None) -> None:
        super().__init__()
        self.affine, self.clamp = Linear(state, f"{name}.affine"), clamp
        weight = state[f"{name}.weight"].float()
        self.register_buffer("weight", weight / weight.shape[1] ** 0.5)
        self.register_buffer("bias", state[f"{name}.bias"].float())

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        x = F.conv2d(x * self.affine(w)[:, :, None, None], self.weight, self.bias)
        return x if self.clamp is None else x.clamp(-self.clamp, self.clamp)


class Synthesis(nn.Module):
    """ws → images around [-1, 1], not clamped: the colours of every resolution, summed up."""

    const: Tensor

    def __init__(self, config: Config, state: State) -> None:
        super().__init__()
        self.register_buffer("const", state["synthesis.b4.const"].float())
        first, *others = (f"synthesis.b{side}" for side in config.resolutions)
        clamp = config.clamp
        self.first = Styled(state, f"{first}.conv1", clamp, up=False)
        self.convolutions = nn.ModuleList(
            Styled(state, f"{block}.conv{i}", clamp, up=i == 0) for block in others for i in (0, 1)
        )
        self.colours = nn.ModuleList(
            Colours(state, f"{block}.torgb", clamp) for block in (first, *others)
        )

    def forward(self, ws: Tensor, noises: Sequence[Tensor] | None = None) -> Tensor:
        """ws (n, num_ws, w_dim), noises (1 or n, 1, s, s) by convolution → (n, 3, H, W)."""
        given: Sequence[Tensor | None] = noises or [None] * (1 + len(self.convolutions))
        x = self.const.expand(len(ws), -1, -1, -1)
        x = self.first(x, ws[:, 0], given[0])
        image: Tensor = self.colours[0](x, ws[:, 1])
        blocks = zip(self.convolutions[::2], self.convolutions[1::2], self.colours[1:], strict=True)
        for i, (upper, lower, colours) in enumerate(blocks):
            # A block's colours share their w with the next block's first convolution.
            at = 2 * i + 1
            x = upper(x, ws[:, at], given[at])
            x = lower(x, ws[:, at + 1], given[at + 1])
            image = _doubled(image) + colours(x, ws[:, at + 2])
        return image

    def thaw(self) -> None:
        """Make ready for weights that change."""
        for layer in (self.first, *self.convolutions):
            layer.thaw()

    @property
    def stored(self) -> list[Tensor] | None:
        """The noise images of the checkpoint; None if it has none."""
        layers = [self.first, *self.convolutions]
        noises = [layer.noise for layer in layers if layer.noise is not None]
        return [noise[None, None] for noise in noises] if len(noises) == len(layers) else None


def _normalised(x: Tensor) -> Tensor:
    return x * (x.square().mean(dim=1, keepdim=True) + _EPS).rsqrt()


def _smoothed(x: Tensor) -> Tensor:
    """What a transposed convolution of stride 2 made, low-passed: sides 2s + 1 → 2s."""
    channels = x.shape[1]
    taps = x.new_tensor(_FILTER) / 4
    x = F.conv2d(x, taps.expand(channels, 1, 1, 4), padding=(0, 1), groups=channels)
    return F.conv2d(x, taps[:, None].expand(channels, 1, 4, 1), padding=(1, 0), groups=channels)


def _doubled(image: Tensor) -> Tensor:
    """Twice the side, by the same filter."""
    taps = image.new_tensor(_FILTER) / 4
    kernel = torch.outer(taps, taps).expand(image.shape[1], 1, 4, 4)
    return F.conv_transpose2d(image, kernel, stride=2, padding=1, groups=image.shape[1])
