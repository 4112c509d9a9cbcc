"""A generator's latents drawn from their prior."""

from __future__ import annotations

from typing import TYPE_CHECKING

from p2lbench.space import Space

if TYPE_CHECKING:
    from torch import Generator as TorchGenerator
    from torch import Tensor

    from p2lbench.generators.base import Generator


def from_prior(
    generator: Generator, count: int, rng: TorchGenerator, first: int = 0
) -> dict[str, Tensor]:
    """name → (count, *shape): independent draws within the bounds; classes in turn from `first`."""
    import torch

    space = Space(generator.variables)
    noise = torch.randn(count, space.d, generator=rng)
    mean, std, low, high = (part.cpu() for part in (space.mean, space.std, space.low, space.high))
    latents = space.split((mean + std * noise).clamp(min=low, max=high))
    if generator.conditional and generator.classes and "c" in latents:
        numbers = torch.arange(first, first + count) % len(generator.classes)
        latents["c"] = generator.embed(numbers)
    return latents
