"""One optimizer after another, each from where the last one stopped."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, ClassVar

from p2lbench.optimizers.adam import RATES, Adam, Rate
from p2lbench.optimizers.base import Optimizer
from p2lbench.optimizers.cma import CMA, SIGMAS
from p2lbench.space import Space

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.problem import Problem


class Chain(Optimizer):
    """Runs stages in order; a later one's search starts from the mean of what it was handed."""

    def __init__(self, stages: list[Optimizer]) -> None:
        """`stages`: at least one."""
        if not stages:
            raise ValueError("stages: expected at least one optimizer, got none")
        self.stages = stages
        self.coupled = any(stage.coupled for stage in stages)

    def load(self) -> None:
        for stage in self.stages:
            stage.load()

    def minimize(self, problem: Problem) -> Tensor:
        points, center = problem.start, None
        costs = self._costs(problem.space, problem.candidates)
        for at, stage in enumerate(self.stages):
            left, rest = problem.remaining, costs[at:]
            passes, seconds = share(left.passes, rest), time_share(left.seconds, rest)
            result = problem.run(stage, points, center=center, passes=passes, seconds=seconds)
            points = result.points
            center = points.mean(0)
        return points

    def passes(self, space: Space, candidates: int) -> int | None:
        return total(self._costs(space, candidates))

    def fit(self, problem: Problem) -> Chain:
        costs = self._costs(problem.space, problem.candidates)
        return Chain(
            [
                stage if costs[at] is None else self._fit(stage, at, costs, problem)
                for at, stage in enumerate(self.stages)
            ]
        )

    def _fit(
        self, stage: Optimizer, at: int, costs: list[int | None], problem: Problem
    ) -> Optimizer:
        whole = total(costs)
        if not whole:
            return stage
        passes = int(problem.remaining.passes * (costs[at] or 0) / whole)
        return stage.fit(problem.stage(stage.moves, passes=passes))

    def _costs(self, space: Space, candidates: int) -> list[int | None]:
        return [stage.passes(space, candidates) for stage in self.stages]


class CMAAdam(Chain):
    """CMA, then Adam from N draws of its last distribution (paper, appendix A: 100 and 500)."""

    tunable: ClassVar = {"lr": RATES, "sigma": SIGMAS}

    def __init__(
        self,
        cma_steps: int = 100,
        adam_steps: int = 500,
        lr: Rate = None,
        sigma: float = 1.0,
        population: int | None = None,
    ) -> None:
        """Options as those of `cma` and `adam`."""
        super().__init__([CMA(cma_steps, sigma, population), Adam(adam_steps, lr)])


def total(costs: list[int | None]) -> int | None:
    """The sum, None if one is not known."""
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def share(left: float, costs: list[int | None]) -> float:
    """What the first of these may spend of what is left: all it planned, or its proportion."""
    planned = total(costs)
    if planned is None or planned <= left or not planned:
        return inf
    return left * (costs[0] or 0) // planned


def time_share(left: float, costs: list[int | None]) -> float:
    """The first one's part of the seconds left. How many it needs is not known before."""
    planned = total(costs)
    return left * (costs[0] or 0) / planned if planned and len(costs) > 1 else left
