"""Covariance matrix adaptation (Hansen and Ostermeier, 2001), by pycma."""

from __future__ import annotations

import warnings
from math import log
from typing import TYPE_CHECKING, Any, Literal

from p2lbench.optimizers.base import AskTell, positive, whole
from p2lbench.space import Space

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from p2lbench.problem import Problem

Final = Literal["draw", "mean"]
# Nothing can be gained after these; pycma's other reasons to stop are guesses about restarts.
CONVERGED = {"tolx", "tolfun", "conditioncov", "noeffectaxis", "noeffectcoord", "tolfacupx"}
WORST = 1e30


class CMA(AskTell):
    """CMA-ES around `problem.center`, scaled by `problem.spread`.

    Points outside the bounds are evaluated where they are clamped to, and told as drawn.
    The paper's setting: 300 steps from mean 0 and Sigma = I, so sigma = 1.
    """

    takes_moved = True

    def __init__(
        self,
        steps: int | None = 300,
        sigma: float = 1.0,
        population: int | None = None,
        final: Final = "draw",
    ) -> None:
        """`population`: points per step, 4 + 3 ln d if not given (18 at d = 128).
        `final`: N fresh draws of the last distribution, or its mean N times."""
        self.steps = None if steps is None else whole("steps", steps)
        self.sigma, self.final = positive("sigma", sigma), final
        self.population = None if population is None else whole("population", population, 2)

    def load(self) -> None:
        import cma  # noqa: F401

    def setup(self) -> None:
        import cma

        self._center, self._spread = self.problem.center.double(), self.problem.spread.double()
        rng, d = self.problem.rng, self.problem.space.d

        def randn(*size: Any) -> np.ndarray[Any, Any]:
            return rng.standard_normal(size[0] if size and isinstance(size[0], tuple) else size)

        # A seed of NaN and a generator of our own: pycma would seed and draw from NumPy's global.
        options = {
            "popsize": self._population(d),
            "randn": randn,
            "seed": float("nan"),
            # From 300 dimensions on pycma would take another rule, which fails when a draw is
            # never told: at the end of a budget, and in draws for others.
            "AdaptSigma": cma.sigma_adaptation.CMAAdaptSigmaCSA,
            "verbose": -9,
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._strategy = cma.CMAEvolutionStrategy([0.0] * d, self.sigma, options)

    def ask(self) -> Tensor:
        return self.draw(self._population(self.problem.space.d))

    def draw(self, n: int) -> Tensor:
        return self._decode(self._strategy.ask(n))

    def tell(self, points: Tensor, losses: Tensor) -> None:
        solutions = ((points.double() - self._center) / self._spread).cpu().numpy()
        values = losses.double().clamp(max=WORST).tolist()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Unchecked, because pycma would pull points that gradients have moved back to its own.
            self._strategy.tell(list(solutions), values, check_points=False)

    def done(self) -> bool:
        return bool(CONVERGED & set(self._strategy.stop()))

    def result(self) -> Tensor:
        n = self.problem.candidates
        points = self.draw(n) if self.final == "draw" else self.recommend().expand(n, -1)
        return self.problem.clamp(points)

    def recommend(self) -> Tensor:
        return self._decode([self._strategy.mean])[0]

    def population_size(self, space: Space, candidates: int) -> int:
        return self._population(max(1, space.size(*self.moves)))

    def fit(self, problem: Problem) -> CMA:
        steps = int(
            problem.remaining.passes // self.population_size(problem.space, problem.candidates)
        )
        return CMA(max(1, steps), self.sigma, self.population, self.final)

    def _population(self, d: int) -> int:
        return self.population or default_population(d)

    def _decode(self, solutions: Any) -> Tensor:
        import numpy as np
        import torch

        x = torch.from_numpy(np.asarray(solutions, dtype=float)).to(self._center.device)
        return (self._center + self._spread * x).float()


def default_population(d: int) -> int:
    """CMA's own population for d columns."""
    return 4 + int(3 * log(d))
