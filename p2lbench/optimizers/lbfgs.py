"""L-BFGS with a strong Wolfe line search (Nocedal and Wright, 2006, algorithms 7.5, 3.5 and 3.6).

Every candidate has its own memory and line search, written as a coroutine that yields the point it
wants evaluated. All wishes of a round go through the generator in one batch; a candidate that has
converged is in no further batch, and costs nothing more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass, field
from math import isfinite, sqrt
from typing import TYPE_CHECKING, ClassVar

from p2lbench.budget import BudgetSpent
from p2lbench.optimizers.base import Optimizer, fitted, positive, whole
from p2lbench.tunable import Range

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.problem import Problem

SUFFICIENT, CURVATURE = 1e-4, 0.9  # the Wolfe conditions' constants
MOST_TRIALS = 25  # evaluations in one line search


class LBFGS(Optimizer):
    """Limited-memory BFGS, independent for every candidate, in one batch.

    The paper's setting (appendix A): 500 steps, strong Wolfe, initial step 0.1. Points stay within
    the bounds: trial points are clamped, and what is held at a bound leaves the direction.
    """

    tunable: ClassVar = {"lr": Range(0.01, 1.0)}
    source = "Nocedal and Wright 2006, algorithms 7.5, 3.5 and 3.6; the paper, appendix A"
    cites = ("liu1989limited", "nocedal2006numerical")
    cost = "2 per evaluation; a step of one candidate takes one or more"

    def __init__(
        self,
        steps: int = 500,
        lr: float = 0.1,
        memory: int = 100,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
    ) -> None:
        """`lr`: the first trial step of each line search. `memory`: pairs of differences kept.
        A candidate stops when its largest slope, or its change, is within its tolerance."""
        self.steps, self.lr = whole("steps", steps), positive("lr", lr)
        self.memory = whole("memory", memory)
        self.tolerance_grad, self.tolerance_change = tolerance_grad, tolerance_change

    def minimize(self, problem: Problem) -> Tensor:
        import torch

        start = problem.start.double()
        clamp = problem.clamp
        runs = [_Run(self, x, lambda x: clamp(x[None])[0]) for x in start]
        waiting = {row: run.wish for row, run in enumerate(runs)}
        with suppress(BudgetSpent):
            while waiting:
                rows = torch.tensor(list(waiting))
                points = torch.stack(list(waiting.values())).float()
                losses, slopes = problem.gradient(points, rows)
                answers = zip(waiting, losses.tolist(), slopes.double(), strict=True)
                wishes = {row: runs[row].answer(loss, slope) for row, loss, slope in answers}
                waiting = {row: wish for row, wish in wishes.items() if wish is not None}
        return torch.stack([run.x for run in runs]).float()

    def fit(self, problem: Problem) -> LBFGS:
        # As many as one candidate could take if the others had converged at once: who has not is
        # ended by the budget.
        return fitted(self, problem, 2)


@dataclass
class _Trial:
    """A point on a line: its step, loss, gradient and slope along the line."""

    step: float
    loss: float
    grad: Tensor
    slope: float


Ask = Generator["Tensor", "tuple[float, Tensor]", "_Trial"]


@dataclass
class _Run:
    """One candidate's descent; `x` is the last point it accepted, `wish` what it wants to know."""

    options: LBFGS
    x: Tensor
    clamp: Callable[[Tensor], Tensor]
    pairs: deque[tuple[Tensor, Tensor]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.pairs = deque(maxlen=self.options.memory)
        self._descent = self._descend()
        self.wish = next(self._descent)

    def answer(self, loss: float, grad: Tensor) -> Tensor | None:
        """Take an evaluation; the next point to evaluate, None when it has converged."""
        try:
            return self._descent.send((loss, grad))
        except StopIteration:
            return None

    def _descend(self) -> Generator[Tensor, tuple[float, Tensor], None]:
        loss, grad = yield self.x
        for k in range(self.options.steps):
            free = self._free(grad)
            if (
                not isfinite(loss)
                or float((grad * free).abs().max()) <= self.options.tolerance_grad
            ):
                return
            line = self._direction(grad * free) * free
            slope = float(line @ grad)
            if slope > -self.options.tolerance_change:
                return
            first = self.options.lr * (min(1.0, 1 / float(grad.abs().sum())) if k == 0 else 1.0)
            search = _LineSearch(self.x, line, self.clamp, self.options.tolerance_change)
            found = yield from search.run(_Trial(0.0, loss, grad, slope), first)
            moved = self.clamp(self.x + found.step * line) - self.x
            change, self.x = abs(found.loss - loss), self.x + moved
            self._remember(moved, found.grad - grad)
            loss, grad = found.loss, found.grad
            if max(float(moved.abs().max()), change) <= self.options.tolerance_change:
                return

    def _free(self, grad: Tensor) -> Tensor:
        """1 where a step downhill stays within the bounds, 0 where a bound holds it."""
        tiny = 1e-6
        return ((self.clamp(self.x - tiny * grad.sign()) - self.x).abs() > 0).to(grad.dtype)

    def _remember(self, moved: Tensor, turned: Tensor) -> None:
        if float(moved @ turned) > 1e-10:
            self.pairs.append((moved, turned))

    def _direction(self, grad: Tensor) -> Tensor:
        """-H · grad by the two-loop recursion (algorithm 7.4)."""
        q, weights = -grad, []
        for moved, turned in reversed(self.pairs):
            weight = float(moved @ q) / float(moved @ turned)
            weights.append(weight)
            q = q - weight * turned
        if self.pairs:
            moved, turned = self.pairs[-1]
            q = q * (float(moved @ turned) / float(turned @ turned))
        for (moved, turned), weight in zip(self.pairs, reversed(weights), strict=True):
            q = q + moved * (weight - float(turned @ q) / float(moved @ turned))
        return q


@dataclass
class _LineSearch:
    """Finds a step that satisfies the strong Wolfe conditions: bracket, then narrow down."""

    x: Tensor
    line: Tensor
    clamp: Callable[[Tensor], Tensor]
    tolerance: float
    trials: int = 0

    def run(self, origin: _Trial, step: float) -> Ask:
        last, trial = origin, (yield from self._evaluate(step))
        while self.trials < MOST_TRIALS:
            if not isfinite(trial.loss):
                trial = yield from self._evaluate((last.step + trial.step) / 2)
            elif self._too_high(trial, origin) or (last is not origin and trial.loss >= last.loss):
                return (yield from self._narrow(origin, last, trial))
            elif self._flat(trial, origin):
                return trial
            elif trial.slope >= 0:
                return (yield from self._narrow(origin, trial, last))
            else:
                least, most = trial.step + 0.01 * (trial.step - last.step), 10 * trial.step
                further = _minimum(last, trial, least, most)
                last, trial = trial, (yield from self._evaluate(further))
        return min(origin, last, trial, key=lambda t: t.loss if isfinite(t.loss) else float("inf"))

    def _narrow(self, origin: _Trial, low: _Trial, high: _Trial) -> Ask:
        """Algorithm 3.6: `low` is the end with the lower loss, and points towards `high`."""
        if high.loss < low.loss:
            low, high = high, low
        crept = False
        while self.trials < MOST_TRIALS:
            ends = sorted((low.step, high.step))
            width = ends[1] - ends[0]
            if width * float(self.line.abs().max()) < self.tolerance:
                break
            step = _minimum(low, high, *ends)
            # Twice next to an end: the interval would hardly shrink.
            near = min(ends[1] - step, step - ends[0]) < 0.1 * width
            if near and (crept or step in ends):
                far_left = abs(step - ends[1]) < abs(step - ends[0])
                step = ends[1] - 0.1 * width if far_left else ends[0] + 0.1 * width
                near = False
            crept = near
            trial = yield from self._evaluate(step)
            if not isfinite(trial.loss) or self._too_high(trial, origin) or trial.loss >= low.loss:
                high = trial
                continue
            if self._flat(trial, origin):
                return trial
            if trial.slope * (high.step - low.step) >= 0:
                high = low
            low = trial
        return low

    def _evaluate(self, step: float) -> Ask:
        self.trials += 1
        point = self.clamp(self.x + step * self.line)
        loss, grad = yield point
        # Along the line that is really walked, which bends where a bound holds.
        inside = (point - self.x - step * self.line).abs() < 1e-9
        return _Trial(step, loss, grad, float((grad * self.line * inside).sum()))

    def _too_high(self, trial: _Trial, origin: _Trial) -> bool:
        return trial.loss > origin.loss + SUFFICIENT * trial.step * origin.slope

    def _flat(self, trial: _Trial, origin: _Trial) -> bool:
        return abs(trial.slope) <= -CURVATURE * origin.slope


def _minimum(a: _Trial, b: _Trial, least: float, most: float) -> float:
    """Where the cubic through two losses and slopes is lowest (equation 3.59), within limits."""
    if not isfinite(b.loss) or not isfinite(a.loss) or a.step == b.step:
        return (least + most) / 2
    if a.step > b.step:
        a, b = b, a
    d = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.step - b.step)
    square = d * d - a.slope * b.slope
    if square < 0:
        return (least + most) / 2
    root = sqrt(square)
    bottom = b.slope - a.slope + 2 * root
    if bottom == 0:
        return (least + most) / 2
    return min(max(b.step - (b.step - a.step) * (b.slope + root - d) / bottom, least), most)
