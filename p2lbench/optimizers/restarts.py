"""The same descent again and again from fresh draws: what equal cost buys without a search."""

from __future__ import annotations

from collections.abc import Collection
from math import inf
from typing import TYPE_CHECKING, ClassVar

from p2lbench.best import Best
from p2lbench.budget import BudgetSpent
from p2lbench.optimizers.adam import RATES, Adam, Rate
from p2lbench.optimizers.base import UNBOUNDED_PASSES, Optimizer, whole
from p2lbench.space import Space

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.problem import Problem


class Restarts(Optimizer):
    """Keeps, for each candidate, the end with the lowest original-frame loss.

    The first run begins at the start, every other one at fresh draws from the init.
    """

    source = "multistart: Rinnooy Kan and Timmer 1987"
    cites: tuple[str, ...] = ("rinnooykan1987stochastic",)
    cost = "the inner optimizer's, and N per run"

    def __init__(self, inner: Optimizer, restarts: int | None = None) -> None:
        """`restarts`: how many runs in all; as many as the budget allows if not given."""
        self.inner = inner
        self.restarts = None if restarts is None else whole("restarts", restarts)
        self.coupled = inner.coupled

    def check(self, variables: Collection[str]) -> None:
        self.inner.check(variables)

    def load(self) -> None:
        self.inner.load()

    def minimize(self, problem: Problem) -> Tensor:
        import torch

        best, rows = Best(problem.start), torch.arange(problem.candidates)
        start, left = problem.start, self._runs(problem)
        try:
            while left > 0:
                points = problem.run(self.inner, start).points
                best.note(points, problem.loss(points), rows)
                start, left = problem.sample(problem.candidates), left - 1
        except BudgetSpent:
            # A run that was cut off may have seen something better than the whole ones' ends.
            return problem.best()
        return best.points()

    def _runs(self, problem: Problem) -> float:
        if self.restarts is not None:
            return self.restarts
        if min(problem.remaining.passes, problem.remaining.seconds) < inf:
            return inf
        one = self.inner.passes(problem.space, problem.candidates) or 1
        runs = max(1, UNBOUNDED_PASSES * problem.candidates // one)
        problem.note(f"Restarts: neither restarts nor a budget given, so it made {runs} runs")
        return runs

    def passes(self, space: Space, candidates: int) -> int | None:
        one = self.inner.passes(space, candidates)
        return None if one is None or self.restarts is None else self.restarts * (one + candidates)

    def fit(self, problem: Problem) -> Restarts:
        return Restarts(self.inner)


class AdamRestarts(Restarts):
    """Adam with restarts: the first thing to compare a costly method with."""

    tunable: ClassVar = {"lr": RATES}
    source = "Kingma and Ba 2015, from many starts"
    cites = ("rinnooykan1987stochastic", "kingma2015adam")
    cost = "2N per step, and N per run"

    def __init__(self, steps: int = 500, lr: Rate = None, restarts: int | None = None) -> None:
        """Options as those of `adam` and `restarts`."""
        super().__init__(Adam(steps, lr), restarts)
