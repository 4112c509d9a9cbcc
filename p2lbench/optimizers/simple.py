"""The start as it is, and the best of prior draws: what any search must beat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from p2lbench.optimizers.base import AskTell, Optimizer, fitted, whole
from p2lbench.space import Space

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.problem import Problem


class Start(Optimizer):
    """Returns the start."""

    source = "no method: the floor that every other must beat"
    cost = "none"

    def minimize(self, problem: Problem) -> Tensor:
        return problem.start

    def passes(self, space: Space, candidates: int) -> int:
        return 0


class RandomSearch(AskTell):
    """Best of draws from the init, for each candidate its own."""

    coupled = False
    source = "Brooks 1958"
    cites = ("brooks1958discussion",)
    cost = "N per step"

    def __init__(self, steps: int | None = None) -> None:
        """`steps`: draws per candidate."""
        self.steps = None if steps is None else whole("steps", steps)

    def ask(self) -> Tensor:
        return self.problem.sample(self.problem.candidates)

    def tell(self, points: Tensor, losses: Tensor) -> None:
        pass

    def population_size(self, space: Space, candidates: int) -> int:
        return candidates

    def fit(self, problem: Problem) -> RandomSearch:
        return fitted(self, problem, problem.candidates)
