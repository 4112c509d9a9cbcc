"""BigGAN-deep in inference form: the function of `pytorch_pretrained_biggan` at less cost.

What is constant is folded when the weights are read: spectral norms, the batch norms' statistics at
one truncation, biases, attention's gain. All conditional scales and shifts come from one matrix
product. Images lie in memory with their channels last, (n, height, width, channels), so that a 1×1
convolution is a matrix product too. Nearest upsampling and the 3×3 convolution behind it are one
transposed convolution, with 16 products per pixel of the small image where there were 36. Of the
last convolution, only the three channels that make the image are computed. Weights are buffers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from p2lbench.generators.biggan.config import Config
from p2lbench.generators.biggan.statistics import Statistics

State = Mapping[str, Tensor]


class Network(nn.Module):
    """Images of z and class vectors side by side; `embeddings` (classes, z_dim)."""

    embeddings: Tensor
    seed_weight: Tensor
    seed_bias: Tensor
    affine_weight: Tensor
    affine_bias: Tensor
    rgb_scale: Tensor
    rgb_shift: Tensor
    rgb_weight: Tensor
    rgb_bias: Tensor

    def __init__(self, config: Config, state: State, statistics: Statistics) -> None:
        """`state`: tensors by the package's names, their spectral norms folded or not."""
        super().__init__()
        affines = _Affines(config, state, statistics)
        self.layers = nn.ModuleList(_layers(config, state, affines))
        self.widths = affines.widths
        scale, shift = affines.constant("generator.bn")
        _keep(
            self,
            embeddings=state["embeddings.weight"].T,
            seed_weight=folded(state, "generator.gen_z"),
            seed_bias=state["generator.gen_z.bias"],
            affine_weight=torch.cat(affines.weights),
            affine_bias=torch.cat(affines.biases),
            rgb_scale=scale,
            rgb_shift=shift,
            rgb_weight=folded(state, "generator.conv_to_rgb")[:3],
            rgb_bias=state["generator.conv_to_rgb.bias"][:3],
        )

    def forward(self, condition: Tensor) -> Tensor:
        """(n, 2 z_dim) → (n, 3, side, side) in [-1, 1]."""
        affine = F.linear(condition, self.affine_weight, self.affine_bias)
        affines = iter(torch.split(affine[:, None, None], self.widths, dim=-1))
        x = self.seed(condition).view(len(condition), 4, 4, -1)
        for layer in self.layers:
            x = layer(x, affines)
        x = _NormedReLU.apply(x, self.rgb_scale, self.rgb_shift)
        rgb = F.conv2d(x.permute(0, 3, 1, 2), self.rgb_weight, self.rgb_bias, padding=1)
        return rgb.tanh()

    def seed(self, condition: Tensor) -> Tensor:
        """(n, 2 z_dim) → (n, 16 channels): what the first, linear layer makes, 4×4 pixels."""
        return F.linear(condition, self.seed_weight, self.seed_bias)


class Block(nn.Module):
    """A residual block with a bottleneck (Brock et al. 2019, figure 16)."""

    weight_0: Tensor
    weight_1: Tensor
    weight_2: Tensor
    weight_3: Tensor

    def __init__(self, state: State, name: str, doubles: bool, affines: _Affines) -> None:
        super().__init__()
        weights = [folded(state, f"{name}.conv_{i}") for i in range(4)]
        self.doubles, self.channels = doubles, len(weights[3])
        if doubles:
            weights[1] = upsampling(weights[1])
        affines.conditional(f"{name}.bn_0")
        for i in range(3):
            affines.conditional(f"{name}.bn_{i + 1}", state[f"{name}.conv_{i}.bias"])
        affines.carry(state[f"{name}.conv_3.bias"])
        weights[0], weights[3] = weights[0].flatten(1), weights[3].flatten(1)
        _keep(self, **{f"weight_{i}": weight for i, weight in enumerate(weights)})

    def forward(self, x: Tensor, affines: Iterator[Tensor]) -> Tensor:
        """(n, h, w, channels) → (n, h, w, channels), or twice the sides, or half the channels."""
        h = F.linear(_NormedReLU.apply(x, next(affines), next(affines)), self.weight_0)
        h = _NormedReLU.apply(h, next(affines), next(affines)).permute(0, 3, 1, 2)
        if self.doubles:
            h = F.conv_transpose2d(h, self.weight_1, stride=2, padding=1)
        else:
            h = F.conv2d(h, self.weight_1, padding=1)
        h = _NormedReLU.apply(h.permute(0, 2, 3, 1), next(affines), next(affines))
        h = F.conv2d(h.permute(0, 3, 1, 2), self.weight_2, padding=1).permute(0, 2, 3, 1)
        h = F.linear(_NormedReLU.apply(h, next(affines), next(affines)), self.weight_3)
        x = x[..., : self.channels]
        if not self.doubles:
            return h.add_(x)
        doubled = _Doubled.apply(x)
        h.view(doubled.shape).add_(doubled)
        return h


class Attention(nn.Module):
    """Self-attention (Zhang et al. 2019) of every pixel to the maxima of 2×2 pixels."""

    weight: Tensor
    bias: Tensor
    out: Tensor

    def __init__(self, state: State, name: str, affines: _Affines) -> None:
        super().__init__()
        parts = [folded(state, f"{name}.snconv1x1_{part}") for part in ("theta", "phi", "g")]
        self.widths = [len(part) for part in parts]
        weight = torch.cat(parts).flatten(1)
        out = state[f"{name}.gamma"] * folded(state, f"{name}.snconv1x1_o_conv").flatten(1)
        _keep(self, weight=weight, bias=weight @ affines.carried, out=out)

    def forward(self, x: Tensor, _: Iterator[Tensor]) -> Tensor:
        """(n, h, w, channels) → the same shape."""
        theta, *others = torch.split(F.linear(x, self.weight, self.bias), self.widths, dim=-1)
        pooled = F.max_pool2d(torch.cat(others, dim=-1).permute(0, 3, 1, 2), 2)
        phi, g = torch.split(pooled.flatten(2), self.widths[1:], dim=1)
        attention = torch.bmm(theta.flatten(1, 2), phi).softmax(dim=-1)
        h = torch.bmm(attention, g.transpose(1, 2)).view(*x.shape[:3], -1)
        return x + F.linear(h, self.out)


class _NormedReLU(torch.autograd.Function):
    """relu(scale x + shift) that keeps x alone for the backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        ctx.save_for_backward(x, scale, shift)
        return torch.addcmul(shift, x, scale).relu_()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        x, scale, shift = ctx.saved_tensors
        inner = torch.addcmul(shift, x, scale)
        inner = torch.ops.aten.threshold_backward(gradients[0], inner, 0)
        by_scale = by_shift = None
        if ctx.needs_input_grad[1]:
            by_scale = (inner * x).sum((1, 2), keepdim=True)
            by_shift = inner.sum((1, 2), keepdim=True)
        return inner.mul_(scale), by_scale, by_shift


class _Doubled(torch.autograd.Function):
    """Nearest upsampling by two, (n, h, w, c) → (n, h, 2, w, 2, c), that copies nothing."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x[:, :, None, :, None].expand(-1, -1, 2, -1, 2, -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        # torch's sum over the two short axes takes twenty times as long.
        whole = gradients[0].flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)
        return F.avg_pool2d(whole, 2, divisor_override=1).permute(0, 2, 3, 1)


class _Affines:
    """Gathers the batch norms, each as a scale and a shift that are linear in the condition.

    `carried`: what the blocks' last biases add to each channel of the image so far; they are added
    where the image is read.
    """

    def __init__(self, config: Config, state: State, statistics: Statistics) -> None:
        self.eps, self.state, self.statistics = config.eps, state, statistics
        self.carried = state["generator.bn.bias"].new_zeros(16 * config.channel_width)
        self.weights: list[Tensor] = []
        self.biases: list[Tensor] = []

    @property
    def widths(self) -> list[int]:
        return [len(bias) for bias in self.biases]

    def carry(self, bias: Tensor) -> None:
        self.carried = self.carried[: len(bias)] + bias

    def conditional(self, name: str, before: Tensor | None = None) -> None:
        """A norm of what a convolution with the bias `before` makes; by default, of the image."""
        mean, deviation = self._moments(name)
        offset = (self.carried if before is None else before) - mean
        scale = folded(self.state, f"{name}.scale") / deviation[:, None]
        shift = folded(self.state, f"{name}.offset") + offset[:, None] * scale
        self.weights += scale, shift
        self.biases += 1 / deviation, offset / deviation

    def constant(self, name: str) -> tuple[Tensor, Tensor]:
        """A norm of the image with a weight and a bias."""
        mean, deviation = self._moments(name)
        scale = self.state[f"{name}.weight"] / deviation
        return scale, self.state[f"{name}.bias"] + (self.carried - mean) * scale

    def _moments(self, name: str) -> tuple[Tensor, Tensor]:
        mean = self.statistics.at(self.state[f"{name}.running_means"])
        variance = self.statistics.at(self.state[f"{name}.running_vars"])
        return mean, (variance + self.eps).sqrt()


def folded(state: State, name: str) -> Tensor:
    """A layer's weight, divided by its spectral norm if that is still kept apart."""
    if f"{name}.weight" in state:
        return state[f"{name}.weight"]
    weight = state[f"{name}.weight_orig"]
    left, right = state[f"{name}.weight_u"], state[f"{name}.weight_v"]
    return weight / torch.dot(left, weight.flatten(1) @ right)


def upsampling(weight: Tensor) -> Tensor:
    """The kernel (in, out, 4, 4) of the transposed convolution, with stride 2 and padding 1, that
    does what a 3×3 convolution (out, in, 3, 3) does after nearest upsampling by two."""
    kernel = weight.new_zeros(weight.shape[1], weight.shape[0], 4, 4)
    turned = weight.transpose(0, 1).flip(2, 3)
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        kernel[:, :, down : down + 3, right : right + 3] += turned
    return kernel


def _layers(config: Config, state: State, affines: _Affines) -> Iterator[nn.Module]:
    """In order; a block before which attention stands has it at its own number."""
    number = 0
    for i, (doubles, _, _) in enumerate(config.layers):
        if i == config.attention_layer_position:
            yield Attention(state, f"generator.layers.{number}", affines)
            number += 1
        yield Block(state, f"generator.layers.{number}", doubles, affines)
        number += 1


def _keep(module: nn.Module, **tensors: Tensor) -> None:
    for name, tensor in tensors.items():
        four = tensor.ndim == 4
        order = torch.channels_last if four else torch.contiguous_format
        module.register_buffer(
            name, tensor.detach().float().contiguous(memory_format=order).clone()
        )
