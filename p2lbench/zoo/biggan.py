"""The embedded generator: a small class-conditional BigGAN-deep, and what training it needs.

Architecture and inference are `pytorch_pretrained_biggan.BigGAN`. That class has only standing
batch-norm statistics, so this module adds batch statistics for training and the measurement of
standing statistics for every truncation entry afterwards.
Source: Brock, Donahue, Simonyan, "Large Scale GAN Training for High Fidelity Natural Image
Synthesis" (ICLR 2019), sections 3.1, 4.1 and appendix B.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from pytorch_pretrained_biggan import BigGAN, BigGANConfig
from pytorch_pretrained_biggan.model import BigGANBatchNorm
from torch import Tensor, nn
from torch.nn.utils.spectral_norm import SpectralNorm

CONFIG: dict[str, Any] = {
    "output_dim": 32,
    "z_dim": 64,
    "class_embed_dim": 64,
    "channel_width": 24,
    "num_classes": 10,
    "layers": [
        [True, 16, 8],
        [False, 8, 8],
        [True, 8, 4],
        [False, 4, 4],
        [True, 4, 2],
        [False, 2, 1],
    ],
    "attention_layer_position": 3,
    "eps": 1e-4,
    "n_stats": 51,
}
Z_BOUND = 2.0
# The package refuses truncation 0, so entry 0 is measured close to it.
SMALLEST_TRUNCATION = 1e-3


def blank(config: dict[str, Any]) -> BigGAN:
    """A BigGAN of this configuration whose weights are yet to be set.

    Its constructor draws weights from torch's global stream, which is put back.
    """
    with torch.random.fork_rng(devices=[]):
        return BigGAN(BigGANConfig(**config))


def new_generator(config: dict[str, Any], rng: torch.Generator) -> BigGAN:
    """A BigGAN of this configuration with freshly drawn weights."""
    model = blank(config)
    initialise(model, rng)
    # The package leaves the last batch norm's parameters uninitialised.
    nn.init.ones_(model.generator.bn.weight)
    nn.init.zeros_(model.generator.bn.bias)
    return model


@torch.no_grad()
def initialise(model: nn.Module, rng: torch.Generator) -> None:
    """Orthogonal weights, zero biases, and random unit vectors for the power iterations."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear | nn.Embedding):
            weight = getattr(module, "weight_orig", module.weight)
            nn.init.orthogonal_(weight, generator=rng)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
    for name, buffer in model.named_buffers():
        if name.endswith(("weight_u", "weight_v")):
            buffer.copy_(F.normalize(torch.randn(buffer.shape, generator=rng), dim=0))


def normalise_by_batch(
    norm: BigGANBatchNorm,
    x: Tensor,
    truncation: float,
    condition_vector: Tensor | None = None,
    *,
    entry: int | None = None,
) -> Tensor:
    """BigGANBatchNorm's forward, x (n, c, h, w), with the batch's own mean and variance.

    They are also stored as the standing statistics of truncation entry `entry`, if given.
    """
    mean, variance = None, None
    if entry is not None:
        mean, variance = norm.running_means[entry], norm.running_vars[entry]
    weight, bias = (None, None) if norm.conditional else (norm.weight, norm.bias)
    x = F.batch_norm(x, mean, variance, weight, bias, True, 1.0, norm.eps)
    if variance is not None:
        # torch stores the unbiased variance, but normalises by the biased one.
        variance *= 1 - x.shape[1] / x.numel()
    if not norm.conditional:
        return x
    scale = 1 + norm.scale(condition_vector)[:, :, None, None]
    return torch.addcmul(norm.offset(condition_vector)[:, :, None, None], x, scale)


def batch_norms(model: nn.Module) -> list[BigGANBatchNorm]:
    """All batch norms of a BigGAN, in the order of its modules."""
    return [module for module in model.modules() if isinstance(module, BigGANBatchNorm)]


@contextmanager
def batch_statistics(model: BigGAN, entry: int | None = None) -> Iterator[None]:
    """Inside, the model normalises by batch statistics (and ignores `truncation`).

    With `entry`, it stores them as the standing statistics of that truncation entry.
    """
    norms, to_rgb = batch_norms(model), model.generator.conv_to_rgb
    try:
        for norm in norms:
            norm.forward = partial(normalise_by_batch, norm, entry=entry)
        to_rgb.forward = partial(_three_channels, to_rgb)
        yield
    finally:
        for module in (*norms, to_rgb):
            module.__dict__.pop("forward", None)


def _three_channels(conv: nn.Conv2d, x: Tensor) -> Tensor:
    # The package computes channel_width outputs and uses three: a tenth of the arithmetic.
    bias = None if conv.bias is None else conv.bias[:3]
    return F.conv2d(x, conv.weight[:3], bias, conv.stride, conv.padding)


def truncated_noise(n: int, dim: int, truncation: float, rng: torch.Generator) -> Tensor:
    """(n, dim) draws of truncation * N(0, 1) cut to [-2, 2], the package's own distribution."""
    tail = torch.special.ndtr(torch.tensor(-Z_BOUND, dtype=torch.float64))
    uniform = torch.rand(n, dim, generator=rng, dtype=torch.float64)
    z = torch.special.ndtri(tail + uniform * (1 - 2 * tail))
    bounded: Tensor = truncation * z.clamp(-Z_BOUND, Z_BOUND)
    return bounded.to(torch.float32)


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """(n,) class indices as (n, classes) float32."""
    return F.one_hot(labels, classes).to(torch.float32)


def balanced_labels(n: int, classes: int) -> Tensor:
    """(n,) labels that go through the classes in turn."""
    return torch.arange(n) % classes


@torch.no_grad()
def settle_spectral_norms(model: nn.Module, iterations: int = 200) -> None:
    """Converge the stored u and v, so that eval mode divides by the true spectral norms."""
    for module in model.modules():
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, SpectralNorm):
                for _ in range(iterations):
                    hook.compute_weight(module, do_power_iteration=True)


@torch.no_grad()
def measure_standing_statistics(model: BigGAN, samples: int, rng: torch.Generator) -> None:
    """Fill running_means and running_vars: one batch of `samples` per truncation entry.

    One large batch rather than an average over small ones: each layer's statistics are then
    taken under exactly the normalisation that inference applies to the layers before it.
    The package interpolates between entries with reversed weights (model.py:128), which is
    harmless here because neighbouring entries differ little.
    """
    config = model.config
    model.eval().to(memory_format=torch.channels_last)
    labels = one_hot(balanced_labels(samples, config.num_classes), config.num_classes)
    for entry in range(config.n_stats):
        truncation = max(entry / (config.n_stats - 1), SMALLEST_TRUNCATION)
        z = truncated_noise(samples, config.z_dim, truncation, rng)
        with batch_statistics(model, entry):
            model(z, labels, 1.0)
