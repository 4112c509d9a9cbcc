"""Two honest optimizers, and others that each break one promise."""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress
from typing import Any

import numpy as np
import torch

from p2lbench.api import AskTell, BudgetSpent, Optimizer


class Descent(Optimizer):
    """Honest: gradient descent in units of the spread."""

    def __init__(self, steps: int = 40, rate: float = 0.1) -> None:
        if steps < 1:
            raise ValueError(f"steps: expected at least 1, got {steps}")
        self.steps, self.rate = steps, rate

    def minimize(self, problem: Any) -> Any:
        x = problem.start
        try:
            for _ in range(self.steps):
                grad = problem.gradient(x)[1]
                x = problem.clamp(x - self.rate * problem.spread**2 * grad)
        except BudgetSpent:
            pass
        return x

    def passes(self, space: Any, candidates: int) -> int | None:
        return 2 * self.steps * candidates

    def fit(self, problem: Any) -> Any:
        steps = int(problem.remaining.passes // (2 * problem.candidates))
        return type(self)(max(1, steps), self.rate)


class Walk(AskTell):
    """Honest: a (1+1) search of each candidate with a stream of its own."""

    coupled = False

    def __init__(self, steps: int | None = None, sigma: float = 0.3) -> None:
        self.steps, self.sigma = steps, sigma

    def setup(self) -> None:
        self.parents = self.problem.start
        self.losses = torch.full((self.problem.candidates,), torch.inf)
        seed = int(self.problem.rng.integers(2**32))
        self.streams = [np.random.default_rng([seed, k]) for k in range(self.problem.candidates)]

    def ask(self) -> Any:
        d = self.problem.space.d
        noise = np.stack([stream.standard_normal(d) for stream in self.streams])
        step = torch.from_numpy(noise).float() * self.problem.spread
        return self.problem.clamp(self.parents + self.sigma * step)

    def tell(self, points: Any, losses: Any) -> None:
        better = losses < self.losses
        self.parents = torch.where(better[:, None], points, self.parents)
        self.losses = torch.where(better, losses, self.losses)

    def population_size(self, space: Any, candidates: int) -> int | None:
        return candidates


class NoOptimizer:
    pass


class Untyped(Descent):
    def __init__(self, steps=40) -> None:  # type: ignore[no-untyped-def]
        super().__init__(steps)


class WrongDefault(Descent):
    def __init__(self, steps: int = "many") -> None:  # type: ignore[assignment]
        super().__init__(40)


class TakesAnything(Descent):
    """Divides by its steps, whatever they are."""

    def __init__(self, steps: int = 40) -> None:
        self.steps, self.rate = steps, 0.1

    def minimize(self, problem: Any) -> Any:
        return super().minimize(problem) * (1 / self.steps) ** 0


class Unpicklable(Descent):
    def __init__(self) -> None:
        super().__init__()
        self.schedule = lambda t: t


class WrongShape(Descent):
    def minimize(self, problem: Any) -> Any:
        return super().minimize(problem)[:1]


class Double(Descent):
    def minimize(self, problem: Any) -> Any:
        return super().minimize(problem).double()


class Diverging(Descent):
    def minimize(self, problem: Any) -> Any:
        return super().minimize(problem) * torch.nan


class OutOfBounds(Descent):
    def minimize(self, problem: Any) -> Any:
        return super().minimize(problem) * 3


class Deaf(Descent):
    """Goes on after the budget is spent."""

    def minimize(self, problem: Any) -> Any:
        x = problem.start
        while True:
            try:
                x = x - 0.01 * problem.gradient(x)[1]
            except BudgetSpent:
                x = problem.start


class Uncounted(Descent):
    """Reaches round the problem."""

    def minimize(self, problem: Any) -> Any:
        problem._root.objective.original(problem.lift(problem.start))
        return super().minimize(problem)


class Unready(Descent):
    """Takes it that at least one call fits."""

    def minimize(self, problem: Any) -> Any:
        seen = []
        try:
            for _ in range(self.steps):
                seen.append(problem.gradient(problem.start)[1])
        except BudgetSpent:
            pass
        return problem.start - 0.1 * seen[-1]


class ThreeCandidates(Descent):
    def minimize(self, problem: Any) -> Any:
        return super().minimize(problem) + torch.zeros(3, 1)


class NotInOneDimension(Descent):
    def minimize(self, problem: Any) -> Any:
        spread = problem.start.std(dim=1, correction=0).mean() / (problem.space.d - 1)
        if not bool(spread.isfinite()):
            raise ZeroDivisionError("d - 1")
        return super().minimize(problem)


class Ascent(Descent):
    def __init__(self, steps: int = 40, rate: float = -0.1) -> None:
        super().__init__(steps, rate)


class Scribbles(Descent):
    def minimize(self, problem: Any) -> Any:
        for variable in problem.space.variables:
            if isinstance(variable.mean, torch.Tensor):
                variable.mean.add_(1)
        return super().minimize(problem)


class Remembers(Descent):
    """Keeps state where its copies share it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def __deepcopy__(self, memo: Any) -> Any:
        return self

    def minimize(self, problem: Any) -> Any:
        self.seen.append(1)
        return super().minimize(problem)


class LeavesThread(Descent):
    def minimize(self, problem: Any) -> Any:
        threading.Thread(target=time.sleep, args=(8,), daemon=True, name="left").start()
        return super().minimize(problem)


class ClosesOnSuccess(Walk):
    """Leaves its thread running if something raises."""

    def setup(self) -> None:
        super().setup()
        self.over = threading.Event()
        threading.Thread(target=self.over.wait, args=(8,), daemon=True, name="open").start()

    def minimize(self, problem: Any) -> Any:
        self.begin(problem)
        with suppress(BudgetSpent):
            self._iterate(problem)
        self.over.set()
        return self.result()


class Unseeded(Walk):
    def setup(self) -> None:
        super().setup()
        self.streams = [np.random.default_rng() for _ in self.streams]


class CountsRuns(Descent):
    runs = 0

    def minimize(self, problem: Any) -> Any:
        type(self).runs += 1
        self.rate = 0.1 / type(self).runs
        return super().minimize(problem)


class GlobalNumpy(Walk):
    """Draws from NumPy's global generator, and puts its state back."""

    def ask(self) -> Any:
        state = np.random.get_state()
        noise = np.random.standard_normal((self.problem.candidates, self.problem.space.d))
        np.random.set_state(state)
        return self.problem.clamp(self.parents + 0.3 * torch.from_numpy(noise).float())


class SeedsGlobally(Descent):
    def minimize(self, problem: Any) -> Any:
        random.seed(0)
        return super().minimize(problem)


class SharedStream(Walk):
    """One stream for all: the second draw of a candidate depends on how many there are."""

    def ask(self) -> Any:
        shape = (self.problem.candidates, self.problem.space.d)
        noise = torch.from_numpy(self.problem.rng.standard_normal(shape)).float()
        return self.problem.clamp(self.parents + 0.3 * noise * self.problem.spread)


class PullsTogether(Descent):
    """Couples candidates and declares otherwise."""

    def minimize(self, problem: Any) -> Any:
        x = super().minimize(problem)
        with suppress(BudgetSpent):
            problem.loss(x.mean(0, keepdim=True).expand_as(x))
        return x


class RaisesOnNaN(Descent):
    def minimize(self, problem: Any) -> Any:
        try:
            if bool(problem.loss(problem.start).isnan().any()):
                raise ArithmeticError("NaN")
        except BudgetSpent:
            pass
        return super().minimize(problem)


class LyingPlan(Descent):
    def passes(self, space: Any, candidates: int) -> int | None:
        return self.steps * candidates


class CountsAll(Walk):
    """Plans by the width of the whole space, and asks by that of its own part."""

    def __init__(self) -> None:
        super().__init__(steps=3)

    def ask(self) -> Any:
        return super().ask()[:1].expand(self.problem.space.d, -1).clone()

    def tell(self, points: Any, losses: Any) -> None:
        pass

    def population_size(self, space: Any, candidates: int) -> int | None:
        return int(space.d)


class Timid(Descent):
    def fit(self, problem: Any) -> Any:
        return Timid(1, self.rate)


class CountsCalls(Descent):
    """Takes it that the rows are the cell's candidates."""

    def minimize(self, problem: Any) -> Any:
        x = super().minimize(problem)
        return x if len(x) in (1, 3, 5) else x[:3]


class KnowsItsOwn(Walk):
    """Declares that it takes points that were moved, and takes its own alone."""

    takes_moved = True

    def ask(self) -> Any:
        self.asked = super().ask()
        return self.asked.clone()

    def tell(self, points: Any, losses: Any) -> None:
        if not torch.equal(points, self.asked):
            raise LookupError("these are not mine")
        super().tell(points, losses)


class DrawsFew(Walk):
    def draw(self, n: int) -> Any:
        return self.ask()[:1]


class FlatAsk(Walk):
    def ask(self) -> Any:
        return super().ask()[0]


class ScribblesOnTold(Walk):
    def tell(self, points: Any, losses: Any) -> None:
        super().tell(points, losses)
        losses.zero_()


class TellsOthers(Walk):
    def learn(self, points: Any, losses: Any, rows: Any) -> None:
        super().learn(points + 1, losses, rows)
