"""StyleGAN2's projector (Karras et al., 2020, appendix D): Adam on a noisy latent, by schedule."""

from __future__ import annotations

from collections.abc import Collection
from math import cos, pi
from typing import TYPE_CHECKING

from p2lbench.budget import BudgetSpent
from p2lbench.optimizers.adam import Moments, Rate, check_names, positive_rate, step_sizes
from p2lbench.optimizers.base import Optimizer, fitted, whole
from p2lbench.space import Space

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.problem import Problem

RAMP_UP, RAMP_DOWN, NOISE_RAMP = 0.05, 0.25, 0.75  # parts of the run


class Projector(Optimizer):
    """Adam whose gradients are taken at the latent plus Gaussian noise that fades out.

    The learning rate rises linearly over the first 5% of the steps and falls as a cosine over the
    last 25%; the noise ends at 75%. The iterate is returned, without noise. A budget that ends it
    early ends its schedule, too; `fit` stretches it.

    Start and loss are the problem's: the original begins at the mean of W and has VGG's LPIPS. Its
    regularisation of noise maps belongs to a generator that takes such maps, not to the optimizer.
    """

    # Noise on what gradients do not move would never be undone.
    moves = ("both", "gradient")
    source = "Karras et al. 2020 (StyleGAN2), appendix D"
    cites = ("karras2020analyzing", "kingma2015adam")
    cost = "2N per step"

    def __init__(self, steps: int = 1000, lr: Rate = 0.1, noise: float = 0.05) -> None:
        """`lr`: the highest rate. As Adam's, a number sets the variables declared `both`, and the
        others keep their own step size; the published 0.1 is w's. `noise`: its first standard
        deviation in every column, in units of the length of the spread of one vector of the
        variable (its last axis), as the original has it; variables declared `both` alone."""
        if not noise >= 0:
            raise ValueError(f"noise: expected at least 0, got {noise:g}")
        self.steps, self.lr, self.noise = whole("steps", steps), positive_rate(lr), noise

    def check(self, variables: Collection[str]) -> None:
        check_names(self.lr, variables)

    def minimize(self, problem: Problem) -> Tensor:
        x, moments = problem.start, Moments()
        lr, scale = step_sizes(problem.space, self.lr), self.noise * lengths(problem)
        noise = _Noise(problem)
        try:
            for step in range(self.steps):
                t = step / self.steps
                noisy = x + noise_ramp(t) * scale * noise.draw()
                _, grad = problem.gradient(noisy)
                x = problem.clamp(x - rate_ramp(t) * lr * moments.direction(grad))
        except BudgetSpent:
            pass
        return x

    def passes(self, space: Space, candidates: int) -> int:
        return 2 * self.steps * candidates

    def fit(self, problem: Problem) -> Projector:
        return fitted(self, problem, 2 * problem.candidates)


def rate_ramp(t: float) -> float:
    """The learning rate's part of its highest value, after a part t of the run."""
    down = (1 - cos(pi * min(1.0, (1 - t) / RAMP_DOWN))) / 2
    return down * min(1.0, t / RAMP_UP)


def noise_ramp(t: float) -> float:
    """The noise's part of its first standard deviation, after a part t of the run."""
    return max(0.0, 1 - t / NOISE_RAMP) ** 2


def lengths(problem: Problem) -> Tensor:
    """(d,) of sqrt(E|w - mean|²) for the vectors w, the last axis, of each variable; 0 for those
    that are not declared `both`. The original measures it for w on 10,000 draws."""
    space, spread = problem.space, problem.spread
    found = {}
    for v in space.variables:
        vectors = spread[space.slices[v.name]].reshape(-1, v.shape[-1] if v.shape else 1)
        length = vectors.square().sum(1).mean().sqrt()
        found[v.name] = float(length) if v.role == "both" else 0.0
    return space.fill(found, spread)


class _Noise:
    """Standard normal draws from a stream per candidate, so that none depends on how many there
    are."""

    def __init__(self, problem: Problem) -> None:
        import numpy as np

        seed = int(problem.rng.integers(2**63))
        self._streams = [np.random.default_rng([seed, k]) for k in range(problem.candidates)]
        self._d, self._device = problem.space.d, problem.device

    def draw(self) -> Tensor:
        """(N, d)."""
        import numpy as np
        import torch

        rows = [stream.standard_normal(self._d, dtype=np.float32) for stream in self._streams]
        return torch.from_numpy(np.stack(rows)).to(self._device)
