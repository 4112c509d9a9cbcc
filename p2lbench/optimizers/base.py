"""What an optimizer is: a `minimize` over a problem, or an `ask` and a `tell`."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from p2lbench.best import Best
from p2lbench.budget import BudgetSpent
from p2lbench.space import Role, Space
from p2lbench.tunable import Tunable

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.problem import Problem

UNBOUNDED_PASSES = 1000


class Optimizer(ABC):
    """Base of all optimizers. Options are the constructor's typed keyword parameters.

    `coupled`: do candidates influence each other? `moves`: the roles of the variables it is given.
    `tunable`: the options that `p2lbench tune` chooses, and what values it tries.
    For the documentation: `source`, where it was published (authors, year, equation or appendix),
    and `cost`, the passes of one step ("2N per step"). `cites`: the works to cite, each a BibTeX
    entry or a key of references.bib.
    Instances hold options; a fresh copy runs every stage.
    """

    coupled: bool = False
    moves: ClassVar[tuple[Role, ...]] = ("both", "gradient", "search")
    tunable: ClassVar[Mapping[str, Tunable]] = {}
    source: ClassVar[str] = ""
    cites: tuple[str, ...] = ()
    cost: ClassVar[str] = ""

    def check(self, variables: Collection[str]) -> None:  # noqa: B027 (optional)
        """Called while a suite is checked, with the names of all its generators' variables.

        Raises:
            ValueError: an option names something else. The message begins with the option's name.
        """

    def load(self) -> None:  # noqa: B027 (optional)
        """Import what takes long to import: it is called before the clock starts."""

    @abstractmethod
    def minimize(self, problem: Problem) -> Tensor:
        """Search, and return points `(candidates, d)`."""

    def passes(self, space: Space, candidates: int) -> int | None:
        """The planned cost in passes, None if it is not known before."""
        return None

    def fit(self, problem: Problem) -> Self:
        """A copy scaled to spend `problem.remaining` (protocol `equal`); by default itself."""
        return self


class AskTell(Optimizer):
    """A gradient-free optimizer: `ask() → (n, d)` of any n ≥ 1, `tell(points, losses)`.

    It is given a problem without the variables that only gradients move. `self.problem` is set
    before `setup()` is called.
    """

    coupled: bool = True
    moves: ClassVar[tuple[Role, ...]] = ("both", "search")
    takes_moved: bool = False
    steps: int | None = None
    problem: Problem

    def setup(self) -> None:
        """Prepare for `self.problem`."""

    @abstractmethod
    def ask(self) -> Tensor:
        """The next points (n, d)."""

    @abstractmethod
    def tell(self, points: Tensor, losses: Tensor) -> None:
        """The losses (n,) of the points that were asked; +inf where a loss was not a number."""

    def population_size(self, space: Space, candidates: int) -> int | None:
        """How many points it will ask for at a time, None if that is not known before."""
        return None

    def passes(self, space: Space, candidates: int) -> int | None:
        population = self.population_size(space, candidates)
        return None if population is None or self.steps is None else self.steps * population

    def done(self) -> bool:
        """Whether nothing more can be gained."""
        return False

    def result(self) -> Tensor:
        """(N, d): each candidate's best told point, its start if none was told."""
        return self._told.points()

    def recommend(self) -> Tensor:
        """(d,): one point that stands for the distribution; by default the best told."""
        points, losses = self._told.table()
        return points[int(losses.argmin())]

    def draw(self, n: int) -> Tensor:
        """(n, d) points of the present distribution; by default the next ones it asks for."""
        import torch

        points = self.ask()
        while len(points) < n:
            points = torch.cat([points, self.ask()])
        return points[:n]

    def close(self) -> None:
        """Let go of what must not outlive the run (threads, processes)."""

    def begin(self, problem: Problem) -> None:
        """For whoever drives it: take the problem and set up."""
        self.problem = problem
        self._told = Best(problem.start)
        self.setup()

    def learn(self, points: Tensor, losses: Tensor, rows: Tensor) -> None:
        """For whoever drives it: note the points of each candidate, and tell."""
        import torch

        losses = torch.where(losses.isnan(), torch.inf, losses)
        self._told.note(self.problem.clamp(points), losses, rows)
        self.tell(points.clone(), losses.clone())

    def minimize(self, problem: Problem) -> Tensor:
        """Ask, evaluate, tell; until it is done, or out of steps or budget."""
        try:
            self.begin(problem)
            with suppress(BudgetSpent):
                self._iterate(problem)
            return self.result()
        finally:
            self.close()

    def _iterate(self, problem: Problem) -> None:
        import torch

        steps, passes = self._allowed(problem)
        while steps > 0 and passes > 0 and not self.done():
            points = self.ask()
            losses = problem.loss(points)
            self.learn(points, losses, torch.arange(len(points)) % problem.candidates)
            steps, passes = steps - 1, passes - len(points)

    def _allowed(self, problem: Problem) -> tuple[float, float]:
        if self.steps is not None:
            return self.steps, inf
        if min(problem.remaining.passes, problem.remaining.seconds) < inf:
            return inf, inf
        problem.note(
            f"{type(self).__name__}: no steps and no budget given, so it stopped at "
            f"{UNBOUNDED_PASSES} passes per candidate"
        )
        return inf, UNBOUNDED_PASSES * problem.candidates


AnyOptimizer = TypeVar("AnyOptimizer", bound=Optimizer)


def fitted(optimizer: AnyOptimizer, problem: Problem, cost: int) -> AnyOptimizer:
    """A copy with as many `steps` of `cost` passes as what is left pays for, but at least one.

    Itself if passes are not limited.
    """
    left = problem.remaining.passes
    if left == inf:
        return optimizer
    scaled: Any = copy.copy(optimizer)
    scaled.steps = max(1, int(left // cost))
    return scaled  # type: ignore[no-any-return]


def whole(name: str, value: int, least: int = 1) -> int:
    """`value`, if it is at least `least`.

    Raises:
        ValueError: it is not.
    """
    if value < least:
        raise ValueError(f"{name}: expected at least {least}, got {value}")
    return value


def positive(name: str, value: float) -> float:
    """`value`, if it is above zero.

    Raises:
        ValueError: it is not.
    """
    if not value > 0:
        raise ValueError(f"{name}: expected a number above 0, got {value:g}")
    return value
