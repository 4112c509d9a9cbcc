"""Directions of most variance among a generator's samples (Härkönen et al. 2020, GANSpace).

GANSpace takes the principal components of an early layer's activations (of w in StyleGAN2), and
carries them over to the latents by regression: U = argmin Σ |U x_k − z_k|², where x are the
samples' coordinates along the components. Here the features may also be small copies of the
images, for generators that name none. A direction is scaled by the spread of the draws along it,
so that its strengths are in their standard deviations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from p2lbench.directions.direction import Direction
from p2lbench.directions.draws import drawn, moving
from p2lbench.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.generators.base import Generator

SAMPLES = 2000
BATCH = 50
SIDE = 16  # of the small copies of images
STRENGTHS = (-4.0, 4.0, 5)
_LEAST = 1e-6  # of the first component's variance; what is below is rounding


@dataclass(frozen=True)
class Components:
    """`vectors (k, d)`: a step of one standard deviation along each, sorted by `share (k,)`, the
    part of the features' variance that each component has."""

    vectors: Tensor
    share: Tensor


def principal(features: Tensor, latents: Tensor) -> Components:
    """The components of features (n, m), carried over to latents (n, d); at most d of them.

    Signs are such that the largest entry of each vector is positive.
    """
    import torch

    x, z = (values.double() - values.double().mean(0) for values in (features, latents))
    # The smaller of the two Gram matrices has all that the singular values have.
    wide = x.shape[1] > x.shape[0]
    values, vectors = torch.linalg.eigh(x @ x.mT if wide else x.mT @ x)
    most = min(z.shape[1], int((values > _LEAST * values[-1]).sum()))
    values, vectors = values.flip(0)[:most], vectors.flip(1)[:, :most]
    coordinates = vectors * values.sqrt() if wide else x @ vectors
    # Coordinates are uncorrelated, so that the regression is a product for each.
    found = (coordinates / values).mT @ z
    found = found / found.norm(dim=1, keepdim=True).clamp(min=1e-12)
    found = found * (z @ found.mT).std(0, correction=0)[:, None]
    largest = found.gather(1, found.abs().argmax(1, keepdim=True))
    return Components((found * largest.sign()).float(), (values / x.square().sum()).float())


def components(
    generator: Generator,
    held: Mapping[str, Tensor],
    device: str,
    samples: int = SAMPLES,
    seed: int = 0,
) -> Components:
    """Of a loaded generator.

    Args:
        held: latents (1, *shape) that an edit starts from; what directions do not move keeps its
            value, as the class does in GANSpace.

    Raises:
        UserError: the features are not finite, or all the same.
    """
    import torch

    rng = torch.Generator().manual_seed(seed)
    names = [variable.name for variable in moving(generator)]
    fixed = {name: value for name, value in held.items() if name not in names}
    features, latents = [], []
    with torch.no_grad():
        for first in range(0, samples, BATCH):
            points = drawn(generator, min(BATCH, samples - first), rng, device, fixed)
            features.append(_features(generator, points).cpu())
            latents.append(torch.cat([points[name].flatten(1) for name in names], 1).cpu())
    found = torch.cat(features)
    if not bool(found.isfinite().all()) or not bool((found != found[0]).any()):
        name = type(generator).__name__
        raise UserError(f"{name}: its features are not finite, or do not vary: no components")
    return principal(found, torch.cat(latents))


def direction(generator: Generator, found: Components, number: int) -> Direction:
    """One of the components, from 0 on, as an edit."""
    vectors, at = {}, 0
    for variable in moving(generator):
        size = prod(variable.shape)
        vectors[variable.name] = found.vectors[number, at : at + size].reshape(variable.shape)
        at += size
    unit = f"standard deviations; {float(found.share[number]):.1%} of the variance"
    return Direction(f"pca:{number}", unit, STRENGTHS, vectors)


def _features(generator: Generator, latents: Mapping[str, Tensor]) -> Tensor:
    from torch.nn.functional import interpolate

    found = generator.features(**latents)
    if found is not None:
        return found.flatten(1)
    images = generator.forward(**latents)
    size = [min(SIDE, side) for side in images.shape[2:]]
    small = interpolate(images, size, mode="bilinear", antialias=True)
    return small.flatten(1)
