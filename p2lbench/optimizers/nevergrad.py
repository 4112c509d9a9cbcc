"""Nevergrad's optimizers (Rapin and Teytaud, 2018) by `nevergrad:<Name>` (paper, figure 14)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from p2lbench.errors import UserError, did_you_mean
from p2lbench.globalrandom import GlobalRandom
from p2lbench.optimizers.base import UNBOUNDED_PASSES, AskTell, positive, whole
from p2lbench.optimizers.cma import SIGMAS, default_population
from p2lbench.space import Space

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.problem import Problem

# Known without importing Nevergrad, which takes seconds.
COMMON = ("OnePlusOne", "DE", "TwoPointsDE", "PSO", "CMA", "DiagonalCMA", "RandomSearch")
WORST = 1e20


class Nevergrad(AskTell):
    """One of Nevergrad's optimizers, around `problem.center` in units of `problem.spread`.

    Methods that take one point at a time run one instance per candidate in lock-step, instance k
    from `start[k]`. The others are one instance that draws a population.
    """

    tunable: ClassVar = {"sigma": SIGMAS}

    def __init__(
        self,
        name: str,
        steps: int | None = None,
        sigma: float = 1.0,
        population: int | None = None,
    ) -> None:
        """`population`: points per step, the method's own if not given."""
        self.name = _known(name)
        self.steps = None if steps is None else whole("steps", steps)
        self.sigma = positive("sigma", sigma)
        self.population = None if population is None else whole("population", population, 2)

    def load(self) -> None:
        _library()

    def setup(self) -> None:
        self._random = GlobalRandom(int(self.problem.rng.integers(2**62)))
        self._asked: list[tuple[Any, Any]] = []
        with self._quietly():
            probe = self._instance(self.problem.center, 1, self._evaluations(1))
            own = _own_population(probe, self.problem.space.d)
            if own == 1:
                starts, evaluations = self.problem.start, self._evaluations(1)
                self._instances = [self._instance(x, 1, evaluations) for x in starts]
                self._draws = 1
            else:
                self._draws = self.population or own
                evaluations = self._evaluations(self._draws)
                self._instances = [self._instance(self.problem.center, self._draws, evaluations)]
        self.coupled = len(self._instances) == 1

    def ask(self) -> Tensor:
        import numpy as np
        import torch

        with self._quietly():
            self._asked = [(it, it.ask()) for it in self._instances for _ in range(self._draws)]
        values = np.stack([candidate.value for _, candidate in self._asked])
        x = torch.from_numpy(values).to(self.problem.device)
        return (self._origins() + self.problem.spread.double() * x).float()

    def tell(self, points: Tensor, losses: Tensor) -> None:
        values = losses.double().clamp(max=WORST).tolist()
        with self._quietly():
            for (instance, candidate), value in zip(self._asked, values, strict=True):
                instance.tell(candidate, value)
        self._asked = []

    def close(self) -> None:
        # Its sequential methods keep threads that would block the interpreter's exit.
        for instance in getattr(self, "_instances", []):
            thread = getattr(instance, "_messaging_thread", None)
            if thread is not None:
                thread.stop()
        self._instances, self._asked = [], []

    def population_size(self, space: Space, candidates: int) -> int | None:
        return self.population

    def fit(self, problem: Problem) -> Nevergrad:
        # Without steps it goes on until the budget ends, which is what a fit would ask for.
        return Nevergrad(self.name, None, self.sigma, self.population)

    def _origins(self) -> Tensor:
        if len(self._instances) == 1 and self._draws > 1:
            return self.problem.center.double()
        return self.problem.start.double()

    def _evaluations(self, draws: int) -> int:
        """How many evaluations one instance will see; several methods plan by it."""
        share = 1 if draws > 1 else self.problem.candidates
        if self.steps is not None:
            return self.steps * draws
        left = self.problem.remaining.passes
        total = left if left < inf else UNBOUNDED_PASSES * self.problem.candidates
        return max(1, int(total // share))

    def _instance(self, start: Tensor, workers: int, budget: int) -> Any:
        import nevergrad as ng
        import numpy as np

        # In units of the spread from where it starts, so that sigma means what it says.
        parameter = ng.p.Array(init=np.zeros(len(start))).set_mutation(sigma=self.sigma)
        seed = int(self.problem.rng.integers(2**32))
        parameter.random_state = np.random.RandomState(seed)
        return ng.optimizers.registry[self.name](parameter, budget=budget, num_workers=workers)

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        with warnings.catch_warnings(), self._random.installed():
            warnings.simplefilter("ignore")
            yield


def _own_population(instance: Any, d: int) -> int:
    """How many points the method draws at a time, 1 for those that go one by one."""
    from nevergrad.optimization import optimizerlib

    if instance.no_parallelization or isinstance(instance, optimizerlib._OnePlusOne):
        return 1
    for holder in (instance, getattr(instance, "optim", None), getattr(instance, "_config", None)):
        for name in ("llambda", "_popsize", "popsize"):
            value = getattr(holder, name, None)
            value = getattr(value, "llambda", value)
            if isinstance(value, int) and value > 1:
                return value
    return default_population(d)


def _known(name: str) -> str:
    if name in COMMON:
        return name
    ng = _library()
    if name not in ng.optimizers.registry:
        hint = did_you_mean(name, ng.optimizers.registry)
        raise UserError(f"unknown Nevergrad optimizer '{name}'.{hint}")
    return name


def _library() -> Any:
    """Nevergrad, which draws from global generators when it is imported."""
    with warnings.catch_warnings(), GlobalRandom(0).installed():
        warnings.simplefilter("ignore")
        import nevergrad
    return nevergrad
