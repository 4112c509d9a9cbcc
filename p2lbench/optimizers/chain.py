"""One optimizer after another, each from where the last one stopped."""

from __future__ import annotations

import copy
from collections.abc import Collection
from math import inf
from typing import TYPE_CHECKING, ClassVar

from p2lbench.optimizers.adam import RATES, Adam, Rate
from p2lbench.optimizers.base import Optimizer
from p2lbench.optimizers.cma import CMA, SIGMAS, Variant
from p2lbench.space import Space

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.problem import Problem


class Chain(Optimizer):
    """Runs stages in order; a later one's search starts from the mean of what it was handed."""

    source = "a composition: see its stages"
    cost = "its stages'"

    def __init__(self, stages: list[Optimizer]) -> None:
        """`stages`: at least one."""
        if not stages:
            raise ValueError("stages: expected at least one optimizer, got none")
        self.stages = stages
        self.coupled = any(stage.coupled for stage in stages)
        self.fitted = False  # each stage is scaled to its part of the budget when its turn comes

    def check(self, variables: Collection[str]) -> None:
        for stage in self.stages:
            stage.check(variables)

    def load(self) -> None:
        for stage in self.stages:
            stage.load()

    def minimize(self, problem: Problem) -> Tensor:
        points, center = problem.start, None
        costs = self._costs(problem.space, problem.candidates)
        for at, stage in enumerate(self.stages):
            seconds = time_share(problem.remaining.seconds, costs[at:])
            turn, passes = self._turn(stage, costs[at:], problem)
            result = problem.run(turn, points, center=center, passes=passes, seconds=seconds)
            points = result.points
            center = points.mean(0)
        return points

    def passes(self, space: Space, candidates: int) -> int | None:
        return total(self._costs(space, candidates))

    def fit(self, problem: Problem) -> Chain:
        """Each stage is fitted when its turn comes, so that what one leaves goes to the next."""
        scaled = copy.copy(self)
        scaled.fitted = problem.remaining.passes < inf
        return scaled

    def _turn(
        self, stage: Optimizer, costs: list[int | None], problem: Problem
    ) -> tuple[Optimizer, float]:
        """The stage as it runs now, and the passes it may spend."""
        left = problem.remaining.passes
        if not self.fitted:
            return stage, share(left, costs)
        passes = left * proportions(costs)[0] // 1
        return stage.fit(problem.stage(stage.moves, passes=passes)), passes

    def _costs(self, space: Space, candidates: int) -> list[int | None]:
        return [stage.passes(space, candidates) for stage in self.stages]


class CMAAdam(Chain):
    """CMA, then Adam from N draws of its last distribution (paper, appendix A: 100 and 500)."""

    tunable: ClassVar = {"lr": RATES, "sigma": SIGMAS}
    source = "the paper, appendix A"
    cites = ("hansen2001completely", "hansen2019pycma", "kingma2015adam")
    cost = "population per step of CMA, 2N per step of Adam"

    def __init__(
        self,
        cma_steps: int = 100,
        adam_steps: int = 500,
        lr: Rate = None,
        sigma: float = 1.0,
        population: int | None = None,
        variant: Variant = "full",
    ) -> None:
        """Options as those of `cma` and `adam`."""
        cma = CMA(cma_steps, sigma, population, variant=variant)
        super().__init__([cma, Adam(adam_steps, lr)])


def total(costs: list[int | None]) -> int | None:
    """The sum, None if one is not known."""
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def proportions(costs: list[int | None]) -> list[float]:
    """What part of a budget each of these gets: an equal part for each whose cost is not known; the
    others share theirs by their costs."""
    known = sum(cost or 0 for cost in costs)
    each = 1 / max(1, sum(cost != 0 for cost in costs))
    rest = 1 - each * costs.count(None)
    return [each if c is None else rest * c / known if known else 0.0 for c in costs]


def share(left: float, costs: list[int | None]) -> float:
    """What the first of these may spend of what is left: all it planned, or its proportion."""
    if left == inf or len(costs) == 1:
        return inf
    parts, unknown = proportions(costs), costs.count(None)
    known = sum(cost or 0 for cost in costs)
    if costs[0] is None:
        return max(left * parts[0], (left - known) / unknown) // 1
    kept = left * sum(part for part, cost in zip(parts, costs, strict=True) if cost is None)
    return inf if known <= left - kept else (left - kept) * costs[0] // known


def time_share(left: float, costs: list[int | None]) -> float:
    """The first one's part of the seconds left. How many it needs is not known before."""
    return left * proportions(costs)[0] if left < inf and len(costs) > 1 else left
