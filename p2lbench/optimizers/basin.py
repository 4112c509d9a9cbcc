"""Search over basins of attraction: a gradient-free outer loop around gradient descents.

BasinCMA (Wampler and Popović, 2009; Bau et al., 2019; paper, Algorithm 1, lines 13-23) is the
basin of `cma` and `adam`.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Collection
from math import inf
from typing import TYPE_CHECKING, ClassVar, Literal

from p2lbench.budget import BudgetSpent
from p2lbench.optimizers.adam import RATES, Adam, Rate
from p2lbench.optimizers.base import AskTell, Optimizer, whole
from p2lbench.optimizers.cma import CMA, SIGMAS, Final, Variant
from p2lbench.space import Space

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.problem import Problem

EMA_DECAY = 0.5


class Basin(Optimizer):
    """Every point that `outer` draws is first descended by `inner`, then told.

    Gradient variables (c) restart from the start at every draw. In the end N points of the outer
    distribution are refined for `final_steps`.
    """

    coupled = True
    source = "Wampler and Popović 2009; the paper, Algorithm 1, lines 13-23"
    cites: tuple[str, ...] = ("wampler2009optimal",)
    cost = "population x (2 inner_steps + 1) per outer step, 2N per final step"

    def __init__(
        self,
        outer: Optimizer,
        inner: Optimizer,
        outer_steps: int = 30,
        inner_steps: int = 30,
        final_steps: int = 300,
        inherit: Literal["points", "losses"] = "points",
        redraw: Literal["none", "ema"] = "none",
        final: Final = "draw",
    ) -> None:
        """`inherit`: tell the points after their descent (Algorithm 1, line 22), or the points as
        drawn with the losses that were reached. `redraw: ema` re-draws the gradient variables that
        the init spreads, around a moving average of the best (appendix D)."""
        if not isinstance(outer, AskTell):
            raise ValueError(f"outer: expected an ask/tell optimizer, got {type(outer).__name__}")
        self.outer, self.inner, self.inherit = outer, inner, inherit
        self.redraw, self.final = redraw, final
        self.outer_steps, self.inner_steps = whole("outer_steps", outer_steps), inner_steps
        self.final_steps = whole("final_steps", final_steps, 0)
        whole("inner_steps", inner_steps)

    def check(self, variables: Collection[str]) -> None:
        self.outer.check(variables)
        self.inner.check(variables)

    def load(self) -> None:
        self.outer.load()
        self.inner.load()

    def minimize(self, problem: Problem) -> Tensor:
        outer = copy.deepcopy(self.outer)
        # Some plan by how often they will be asked: every step, and the last points.
        outer.steps = self.outer_steps + (self.final == "draw")
        search = problem.stage(outer.moves)
        outer.begin(search)
        try:
            self._search(problem, search, outer)
            points = self._last_points(outer, problem.candidates)
        finally:
            outer.close()
        start = problem.restrict(search.lift(points))
        if not self.final_steps:
            return start
        if problem.remaining.passes < 2 * problem.candidates or not problem.remaining.seconds:
            # Nothing is left to refine a raw draw with, which may be worse than all that was seen.
            return problem.best()
        return self._descended(problem, start, self.final_steps)

    def _search(self, problem: Problem, search: Problem, outer: AskTell) -> None:
        import torch

        planned = self.passes(problem.space, problem.candidates)
        pace = _Pace(problem, planned, self._refinement(problem.candidates))
        middle: Tensor | None = None
        for _ in range(self.outer_steps):
            asked = outer.ask()
            if not pace.affords(len(asked) * (2 * self.inner_steps + 1)):
                break
            rows = torch.arange(len(asked)) % problem.candidates
            start = self._redrawn(problem, problem.restrict(search.lift(asked)), middle)
            points = self._descended(problem, start, self.inner_steps)
            try:
                losses = problem.loss(points)
            except BudgetSpent:
                break
            outer.learn(self._told(points, asked, search, problem), losses, rows)
            middle = _average(middle, points[int(losses.nan_to_num(torch.inf).argmin())])
            if outer.done():
                break

    def _descended(self, problem: Problem, start: Tensor, steps: int) -> Tensor:
        """So many steps of the inner optimizer, whatever number it has of its own."""
        inner = copy.deepcopy(self.inner)
        if hasattr(inner, "steps"):
            inner.steps = steps
        return problem.run(inner, start, gradients=steps).points

    def _told(self, points: Tensor, asked: Tensor, search: Problem, problem: Problem) -> Tensor:
        """What the outer search learns from: the points after their descent, or as drawn."""
        if self.inherit != "points" or not self.outer.takes_moved:
            return asked
        moved = points[:, problem.space.columns(search.space.names())]
        # A descent may have ended in NaN, which no search distribution survives.
        return moved.where(moved.isfinite().all(1, keepdim=True), asked)

    def _redrawn(self, problem: Problem, start: Tensor, middle: Tensor | None) -> Tensor:
        if self.redraw == "none" or middle is None:
            return start
        spread = problem.deviation > 0
        spread[problem.space.columns(problem.space.names("both", "search", "frozen"))] = False
        start[:, spread] = problem.sample(len(start), around=middle)[:, spread]
        return start

    def _last_points(self, outer: AskTell, n: int) -> Tensor:
        return outer.draw(n) if self.final == "draw" else outer.recommend().expand(n, -1)

    def _refinement(self, candidates: int) -> int:
        return 2 * candidates * self.final_steps

    def passes(self, space: Space, candidates: int) -> int | None:
        population = self.outer.population_size(space, candidates)
        if population is None:
            return None
        search = self.outer_steps * population * (2 * self.inner_steps + 1)
        return search + self._refinement(candidates)

    def fit(self, problem: Problem) -> Basin:
        """As many outer steps as leave the final ones what they planned.

        Where that is none, or less than the final ones cost, the budget is shared in proportion,
        and if that pays for no outer step, all of it goes to the final ones.
        """
        left, refine = problem.remaining.passes, self._refinement(problem.candidates)
        planned = self.passes(problem.space, problem.candidates)
        if left == inf:
            return self
        fitted = copy.copy(self)
        if planned is None:
            # `_Pace` ends it: a step is one descent at least.
            fitted.outer_steps = max(1, int(left // (2 * self.inner_steps + 1)))
            return fitted
        step = (planned - refine) / self.outer_steps
        if left > 2 * refine and left - refine >= step:
            fitted.outer_steps = int((left - refine) // step)
        elif refine and left * (1 - refine / planned) < step:
            fitted.outer_steps = 1
            fitted.final_steps = max(1, int(left // (2 * problem.candidates)))
        return fitted


class _Pace:
    """Whether one more draw leaves the final refinement all it planned, or its proportion."""

    def __init__(self, problem: Problem, planned: int | None, refine: int) -> None:
        self.problem, self.planned, self.refine = problem, planned, refine
        self.spent, self.began = 0, time.monotonic()

    def affords(self, cost: int) -> bool:
        left = self._left()
        total = self.spent + left
        if self.planned is None:
            reserve = min(self.refine, total / 2)
        else:
            short = self.planned > total
            reserve = total * self.refine / self.planned if short else self.refine
        if left - reserve < cost:
            return False
        self.spent += cost
        return True

    def _left(self) -> float:
        """Passes left; where seconds are what is short, as many as they were good for so far."""
        left = self.problem.remaining
        if left.seconds == inf or not self.spent:
            return left.passes
        pace = self.spent / max(1e-9, time.monotonic() - self.began)
        return min(left.passes, left.seconds * pace)


def _average(middle: Tensor | None, best: Tensor) -> Tensor | None:
    """The exponential moving average of the best points (appendix D)."""
    if not bool(best.isfinite().all()):
        return middle
    return best if middle is None else EMA_DECAY * middle + (1 - EMA_DECAY) * best


class BasinCMA(Basin):
    """CMA over Adam: 30 draws of 30 steps, then 300 steps, as both codes of the authors do."""

    tunable: ClassVar = {"lr": RATES, "sigma": SIGMAS}
    source = "the paper, Algorithm 1, lines 13-23, and appendix A"
    cites = ("wampler2009optimal", "hansen2001completely", "hansen2019pycma", "kingma2015adam")

    def __init__(
        self,
        outer_steps: int = 30,
        inner_steps: int = 30,
        final_steps: int = 300,
        lr: Rate = None,
        sigma: float = 1.0,
        population: int | None = None,
        inherit: Literal["points", "losses"] = "points",
        variant: Variant = "full",
    ) -> None:
        """Options as those of `basin`, `cma` and `adam`."""
        outer = CMA(None, sigma, population, variant=variant)
        super().__init__(outer, Adam(lr=lr), outer_steps, inner_steps, final_steps, inherit)
