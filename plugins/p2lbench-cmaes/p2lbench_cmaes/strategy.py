"""What all of the library's strategies have in common: ask, tell, and their place in a problem."""

from __future__ import annotations

import copy
from math import log
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from p2lbench.api import AskTell, Problem, Skip, Space

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

Final = Literal["draw", "mean"]
# Infinite losses would make the library's range of the last values NaN.
WORST = 1e30
# The library refuses coordinates from 1e32 on, which only a descent that diverged has.
FARTHEST = 1e30


class Strategy(AskTell):
    """One of the library's strategies around `problem.center`, in units of `problem.spread`.

    Points outside the bounds are evaluated where they are clamped to, and told as drawn. It ends
    by the library's own test of convergence.
    """

    library: ClassVar[str]
    """The name of its class in `cmaes`."""

    takes_moved = True
    least_columns: ClassVar[int] = 2
    """How many columns the library wants at least."""

    def __init__(
        self,
        steps: int | None = 300,
        sigma: float = 1.0,
        population: int | None = None,
        final: Final = "draw",
    ) -> None:
        """`population`: points per step, 4 + 3 ln d if not given (18 at d = 128).
        `final`: N fresh draws of the last distribution, or its mean N times."""
        if steps is not None and steps < 1:
            raise ValueError(f"steps: expected at least 1, got {steps}")
        if not sigma > 0:
            raise ValueError(f"sigma: expected a number above 0, got {sigma:g}")
        if population is not None and population < 2:
            raise ValueError(f"population: expected at least 2, got {population}")
        self.steps, self.sigma, self.population, self.final = steps, sigma, population, final

    def load(self) -> None:
        import cmaes  # noqa: F401

    def setup(self) -> None:
        import cmaes
        import numpy as np

        d = self.problem.space.d
        if d < self.least_columns:
            raise Skip(f"cmaes.{self.library} needs {self.least_columns} columns or more, got {d}")
        self._center, self._spread = self.problem.center.double(), self.problem.spread.double()
        self._broken = False
        with np.errstate(all="ignore"):
            self._strategy = getattr(cmaes, self.library)(
                mean=np.zeros(d),
                sigma=self.sigma,
                # It draws from a RandomState of its own, never from NumPy's global one.
                seed=int(self.problem.rng.integers(2**32)),
                population_size=self._population(d),
                **self._options(),
            )

    def ask(self) -> Tensor:
        return self.draw(self._population(self.problem.space.d))

    def draw(self, n: int) -> Tensor:
        import numpy as np

        with np.errstate(all="ignore"):
            points = self._decode(np.stack([self._strategy.ask() for _ in range(n)]))
        return self._sound(points)

    def tell(self, points: Tensor, losses: Tensor) -> None:
        import numpy as np

        told = ((points.double() - self._center) / self._spread).clamp(-FARTHEST, FARTHEST)
        values = losses.double().clamp(max=WORST).tolist()
        with np.errstate(all="ignore"):
            try:
                self._strategy.tell(list(zip(told.cpu().numpy(), values, strict=True)))
            except (np.linalg.LinAlgError, OverflowError):
                self._broken = True

    def done(self) -> bool:
        import numpy as np

        with np.errstate(all="ignore"):
            try:
                return self._broken or bool(self._strategy.should_stop())
            except np.linalg.LinAlgError:
                return True

    def result(self) -> Tensor:
        n = self.problem.candidates
        points = self.draw(n) if self.final == "draw" else self.recommend().expand(n, -1)
        return self.problem.clamp(points)

    def recommend(self) -> Tensor:
        return self._sound(self._decode(self._mean()[None]))[0]

    def population_size(self, space: Space, candidates: int) -> int:
        return self._population(max(1, len(space.columns(space.names(*self.moves)))))

    def fit(self, problem: Problem) -> Self:
        population = self.population_size(problem.space, problem.candidates)
        fitted = copy.copy(self)
        fitted.steps = max(1, int(problem.remaining.passes // population))
        return fitted

    def _sound(self, points: Tensor) -> Tensor:
        """The points, or the best told one in the place of each if the distribution broke down."""
        self._broken = self._broken or not bool(points.isfinite().all())
        return super().recommend().expand(len(points), -1) if self._broken else points

    def _options(self) -> dict[str, Any]:
        """What else the library's class is told."""
        return {}

    def _mean(self) -> np.ndarray[Any, Any]:
        """(d,), in units of the spread from the center."""
        mean: np.ndarray[Any, Any] = self._strategy.mean
        return mean

    def _population(self, d: int) -> int:
        # The library's own default, which is needed before there is an instance.
        return self.population or 4 + int(3 * log(d))

    def _decode(self, solutions: np.ndarray[Any, Any]) -> Tensor:
        import torch

        x = torch.from_numpy(solutions).to(self._center.device)
        return (self._center + self._spread * x).float()
