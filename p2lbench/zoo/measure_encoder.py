"""Figures of the encoder: how well it recovers z, and the image that the recovered z makes."""

from __future__ import annotations

from math import sqrt
from typing import Any

import torch
from torch import Tensor

from p2lbench import zoo
from p2lbench.losses.base import Loss
from p2lbench.losses.percep import fmnist as percep
from p2lbench.losses.percep import fmnist_heldout as percep_heldout
from p2lbench.losses.pixel import L1
from p2lbench.zoo import biggan, fmnist
from p2lbench.zoo.encoder import Encoder
from p2lbench.zoo.samples import CHUNK, Source

SEED = 2_000
SAMPLES = 2_000
NOISE = 0.5  # the variance that the init adds, by default


def measure_encoder(photos: fmnist.Photos, samples: int = SAMPLES) -> dict[str, Any]:
    """Figures on samples that it was not trained on and on test photos, with their true classes.

    r2: the share of the variance of z that it explains, per coordinate. Errors of G(z, c) against
    the image, for z of the encoder, the same with noise, 0, and drawn from the prior.
    """
    model, source = zoo.load_encoder("encoder-fmnist"), Source()
    drawn = source.draw(samples, SEED)
    with torch.no_grad():
        z = model(fmnist.to_images(drawn.pixels), source.vectors[drawn.labels])
    squares = (z - drawn.z).square().mean(dim=0)
    r2 = 1 - squares / drawn.z.var(dim=0, correction=0)
    return {
        "samples": samples,
        "photos": len(photos),
        "seed": SEED,
        "mse": squares.mean().item(),
        "mse_of_zero": drawn.z.square().mean().item(),
        "r2": [round(value, 4) for value in r2.tolist()],
        "on_samples": errors(model, source, torch.as_tensor(drawn.pixels), drawn.labels),
        "on_photos": errors(
            model, source, torch.as_tensor(photos.pixels), torch.as_tensor(photos.labels)
        ),
    }


@torch.no_grad()
def errors(
    model: Encoder, source: Source, pixels: Tensor, labels: Tensor
) -> dict[str, dict[str, float]]:
    """Start → metric → mean error of its images against `pixels` (n, 32, 32) uint8."""
    targets, c = fmnist.to_images(pixels), source.vectors[labels]
    # Not the seed of the samples, whose z it would draw again.
    rng = torch.Generator().manual_seed(SEED + 1)
    random = biggan.truncated_noise(len(labels), c.shape[1], 1.0, rng)
    z = torch.cat([model(*chunk) for chunk in zip(_split(targets), _split(c), strict=True)])
    noise = sqrt(NOISE) * torch.randn(z.shape, generator=rng)
    starts = {
        "encoder": z,
        "encoder with noise": (z + noise).clamp(-biggan.Z_BOUND, biggan.Z_BOUND),
        "z = 0": torch.zeros_like(z),
        "random z": random,
    }
    return {name: _errors(source, start, c, targets) for name, start in starts.items()}


def _errors(source: Source, z: Tensor, c: Tensor, targets: Tensor) -> dict[str, float]:
    metrics = _metrics()
    values: dict[str, list[Tensor]] = {name: [] for name in metrics}
    for z_part, c_part, wanted in zip(_split(z), _split(c), _split(targets), strict=True):
        images = source.images(z_part, c_part)
        masks = torch.ones_like(wanted[:, :1])
        for name, metric in metrics.items():
            values[name].append(metric(images, metric.prepare(wanted, masks)))
    return {name: torch.cat(found).mean().item() for name, found in values.items()}


def _metrics() -> dict[str, Loss]:
    metrics = {"l1": L1(), "percep-fmnist": percep(), "percep-fmnist-heldout": percep_heldout()}
    for metric in metrics.values():
        metric.load("cpu")
    return metrics


def _split(tensor: Tensor) -> tuple[Tensor, ...]:
    return torch.split(tensor, CHUNK)
