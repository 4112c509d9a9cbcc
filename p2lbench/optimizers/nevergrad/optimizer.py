"""Nevergrad's optimizers (Rapin and Teytaud, 2018) by `nevergrad:<Name>` (paper, figure 14)."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from p2lbench.errors import UserError, did_you_mean
from p2lbench.optimizers.base import UNBOUNDED_PASSES, AskTell, positive, whole
from p2lbench.optimizers.cma import SIGMAS, default_population
from p2lbench.optimizers.nevergrad.known import findings, why_not
from p2lbench.space import Space

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.optimizers.nevergrad.instance import Instance
    from p2lbench.problem import Problem

WORST = 1e20


class Nevergrad(AskTell):
    """One of Nevergrad's optimizers, around `problem.center` in units of `problem.spread`.

    Methods that take one point at a time run one instance per candidate in lock-step, instance k
    from `start[k]`. The others are one instance that draws a population.
    """

    tunable: ClassVar = {"sigma": SIGMAS}
    source = "Rapin and Teytaud 2018; the paper, figure 14"
    cites = ("rapin2018nevergrad",)
    cost = "population per step, N where it takes one point at a time"

    def __init__(
        self,
        name: str,
        steps: int | None = None,
        sigma: float = 1.0,
        population: int | None = None,
    ) -> None:
        """`population`: points per step, the method's own if not given."""
        self.name = self._checked(name)
        self.steps = None if steps is None else whole("steps", steps)
        self.sigma = positive("sigma", sigma)
        self.population = None if population is None else whole("population", population, 2)
        if population and self._known_width(2) == 1:
            raise ValueError(f"population: {name} takes one point at a time")

    @staticmethod
    def members() -> Mapping[str, str | None]:
        """Each name, and why it does not work (None if it does); empty if that is not known."""
        known = findings()
        return {name: why_not(found) for name, found in known.names.items()} if known else {}

    def load(self) -> None:
        from p2lbench.optimizers.nevergrad.instance import library

        library()

    def setup(self) -> None:
        n, width = self.problem.candidates, self._width()
        self.coupled = width > 1
        self._draws = width if self.coupled else n
        budgets = [self._evaluations(k, width) for k in range(1 if self.coupled else n)]
        self._instances = [self._instance(budget, width) for budget in budgets]
        self._asked: list[list[Any]] = [[] for _ in self._instances]
        self._planned, self._seen = sum(budgets), 0

    def ask(self) -> Tensor:
        # No more than is left, so that the last step is a smaller one rather than none at all.
        pending = sum(map(len, self._asked))
        return self.draw(pending or max(1, int(min(self._draws, self.problem.remaining.passes))))

    def draw(self, n: int) -> Tensor:
        """(n, d) points: those that were asked and not told yet, then more.

        Methods that take one point at a time have only one for each candidate.
        """
        import torch

        from p2lbench.optimizers.nevergrad.instance import values

        for k, (instance, asked) in enumerate(zip(self._instances, self._asked, strict=True)):
            wanted = n if self.coupled else min(1, n - k)
            asked.extend(instance.ask(max(0, wanted - len(asked))))
        x = torch.from_numpy(values([c for asked in self._asked for c in asked]))
        x = x.to(self.problem.device)
        points = (self._origins(len(x)) + self.problem.spread.double() * x).float()
        return points[torch.arange(n) % len(x)]

    def tell(self, points: Tensor, losses: Tensor) -> None:
        told = iter(losses.double().clamp(max=WORST).tolist())
        for instance, asked in zip(self._instances, self._asked, strict=True):
            instance.tell(asked, [next(told) for _ in asked])
            asked.clear()
        self._seen += len(points)

    def done(self) -> bool:
        # Some raise when they are asked for more than they planned with.
        over = self._seen >= self._planned
        if over and self.problem.remaining.passes > 0 and self.steps is None:
            self.problem.note(f"nevergrad:{self.name}: stopped at {self._planned} passes")
        return over or self.problem.remaining.passes < 1

    def close(self) -> None:
        for instance in getattr(self, "_instances", []):
            instance.close()
        self._instances, self._asked = [], []

    def population_size(self, space: Space, candidates: int) -> int | None:
        own = self._known_width(max(1, space.size(*self.moves)))
        if own is None:
            return None
        return candidates if own == 1 else self.population or own

    def fit(self, problem: Problem) -> Nevergrad:
        # Without steps it goes on until the budget ends, which is what a fit would ask for.
        return type(self)(self.name, None, self.sigma, self.population)

    def _checked(self, name: str) -> str:
        known = findings()
        names = known.names if known else _installed()
        if name not in names:
            raise UserError(f"unknown Nevergrad optimizer '{name}'.{did_you_mean(name, names)}")
        reason = why_not(known.names[name]) if known else None
        if reason:
            raise UserError(f"it {reason}. See: p2lbench list optimizers --verbose")
        return name

    def _width(self) -> int:
        """How many points one instance draws at a time; 1 if one by one."""
        d = self.problem.space.d
        own = self._known_width(d)
        if own is None:
            own = self._instance(self._evaluations(0, 1), 1).population()
        return 1 if own == 1 else self.population or own or default_population(d)

    def _known_width(self, d: int) -> int | None:
        known = findings()
        return known.names[self.name].points(d) if known and self.name in known.names else None

    def _evaluations(self, k: int, width: int) -> int:
        """How many evaluations instance k will see; several methods plan by it."""
        n = 1 if width > 1 else self.problem.candidates
        if self.steps is not None:
            return self.steps * width
        left = self.problem.remaining.passes
        total = int(left) if left < inf else UNBOUNDED_PASSES * self.problem.candidates
        return max(1, total // n + (k < total % n))

    def _origins(self, n: int) -> Tensor:
        return (self.problem.center[None] if self.coupled else self.problem.start[:n]).double()

    def _instance(self, budget: int, workers: int) -> Instance:
        from p2lbench.optimizers.nevergrad.instance import Instance

        seed = int(self.problem.rng.integers(2**62))
        return Instance(self.name, self.problem.space.d, self.sigma, seed, budget, workers)


def _installed() -> Mapping[str, object]:
    from p2lbench.optimizers.nevergrad.instance import registry

    return registry()
