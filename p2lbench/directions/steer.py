"""Directions that imitate an edit of the image (Jahanian et al. 2020, steerability).

w = argmin E_{z, a} |m · (G(z + a w) − edit(G(z), a))|², where m masks what the edit brings in from
outside the image; strengths a are drawn evenly, classes come in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from p2lbench.directions.direction import Direction
from p2lbench.directions.draws import drawn, moving
from p2lbench.directions.warps import WARPS, Warp
from p2lbench.errors import UserError
from p2lbench.seeds import stream
from p2lbench.space import Space

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.generators.base import Generator

Say = Callable[[int], None]


@dataclass(frozen=True)
class Learning:
    """`steps` of Adam at rate `lr`, in standard deviations of the prior at the warp's reach."""

    steps: int = 100
    batch: int = 8
    lr: float = 0.2
    seed: int = 0


def learn(
    generator: Generator, name: str, how: Learning, device: str, say: Say = lambda step: None
) -> Direction:
    """The direction that imitates the warp of that name.

    `say` is told how many steps are done.

    Raises:
        UserError: it diverged.
    """
    import torch

    warp, variables = WARPS[name], moving(generator)
    space = Space(variables, None, device)
    rng = torch.Generator().manual_seed(stream("direction", name, how.seed) % 2**63)
    step = torch.zeros(space.d, device=device, requires_grad=True)
    optimizer = torch.optim.Adam([step], how.lr)
    for done in range(how.steps):
        latents = drawn(generator, how.batch, rng, device)
        strengths = (2 * torch.rand(how.batch, generator=rng).to(device) - 1) * warp.reach
        loss = _loss(generator, space, latents, warp, strengths, step * space.std / warp.reach)
        optimizer.zero_grad()
        (step.grad,) = torch.autograd.grad(loss, [step])
        optimizer.step()
        say(done + 1)
    if not bool(step.isfinite().all()):
        raise UserError(f"learning {name} went beyond all numbers: lower --lr")
    vectors = space.split((step.detach() * space.std / warp.reach)[None])
    ends = (-warp.reach, warp.reach, 5)
    return Direction(name, warp.unit, ends, {key: value[0] for key, value in vectors.items()})


def _loss(
    generator: Generator,
    space: Space,
    latents: Mapping[str, Tensor],
    warp: Warp,
    strengths: Tensor,
    w: Tensor,
) -> Tensor:
    """The squared error per pixel that is seen, mean over the batch."""
    import torch

    with torch.no_grad():
        wanted, seen = warp(generator.forward(**latents), strengths)
    here = space.join(latents)
    moved = (here + strengths[:, None] * w).clamp(min=space.low, max=space.high)
    images = generator.forward(**{**latents, **space.split(moved)})
    squared = ((images - wanted).square() * seen).sum((1, 2, 3))
    return (squared / (3 * seen.sum((1, 2, 3)))).mean()
