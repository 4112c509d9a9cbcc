"""How an optimizer's passes divide into calls of the objective, worked out without running it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, inf
from typing import Any

from p2lbench.budget import Budget
from p2lbench.estimate.prospect import Prospect
from p2lbench.optimizers.base import UNBOUNDED_PASSES, AskTell, Optimizer
from p2lbench.optimizers.basin import Basin
from p2lbench.optimizers.chain import Chain, proportions, share
from p2lbench.optimizers.nevergrad.optimizer import Nevergrad
from p2lbench.optimizers.restarts import Restarts


@dataclass(frozen=True)
class Calls:
    """So many calls for the gradients, or the losses, of so many points."""

    gradient: bool
    points: int
    count: float  # a part of a call is one of fewer points

    @property
    def passes(self) -> float:
        """Of all of them."""
        return self.count * self.points * (2 if self.gradient else 1)


@dataclass(frozen=True)
class Spending:
    """What a method spends in a cell. `at_most`: it may end sooner, which is not known before."""

    calls: tuple[Calls, ...] = ()
    at_most: bool = False

    @property
    def passes(self) -> int:
        """Generator passes in all."""
        return round(sum(calls.passes for calls in self.calls))

    def __add__(self, other: Spending) -> Spending:
        return Spending(self.calls + other.calls, self.at_most or other.at_most)

    def times(self, n: int) -> Spending:
        """The same so many times."""
        more = tuple(replace(calls, count=n * calls.count) for calls in self.calls)
        return replace(self, calls=more if n else ())


def spending(optimizer: Optimizer, prospect: Prospect) -> Spending | None:
    """What `minimize` spends; None if nothing bounds it.

    A plugin's own method is taken to spend what its `passes` says: on losses if it asks and
    tells, else on gradients.
    """
    for kind, rule in _RULES:
        if isinstance(optimizer, kind) and type(optimizer).minimize is kind.minimize:
            found: Spending | None = rule(optimizer, prospect)
            return found
    return _descending(optimizer, prospect)


def _descending(optimizer: Optimizer, prospect: Prospect) -> Spending | None:
    n, left = prospect.candidates, prospect.remaining.passes
    planned = _claimed(optimizer, prospect)
    if planned is None:
        return _up_to(left, n)
    steps = min(planned, left) / (2 * n)
    if planned % (2 * n) == 0:
        steps = int(steps)  # one that does not fit is not made
    return Spending((Calls(True, n, steps),) if steps else ())


def _asking(optimizer: AskTell, prospect: Prospect) -> Spending | None:
    n, left = prospect.candidates, prospect.remaining.passes
    points = optimizer.population_size(prospect.space, n)
    planned = _claimed(optimizer, prospect)
    if points and planned is None and left == prospect.remaining.seconds == inf:
        planned = ceil(UNBOUNDED_PASSES * n / points) * points
    total = left if planned is None else min(planned, left)
    if total == inf:
        return None
    if points is None:
        return Spending((Calls(False, n, total // 1 / n),), at_most=planned is None)
    # Nevergrad's last step is a smaller one, if need be.
    steps = total // 1 / points if isinstance(optimizer, Nevergrad) else total // points
    return Spending((Calls(False, points, steps),) if steps else ())


def _chain(chain: Chain, prospect: Prospect) -> Spending | None:
    costs = [_claimed(stage, prospect) for stage in chain.stages]
    whole, left = Spending(), prospect.remaining.passes
    for at, stage in enumerate(chain.stages):
        if chain.fitted:
            passes = left * proportions(costs[at:])[0] // 1
            turn = stage.fit(_like(prospect, left).stage(stage.moves, passes=passes))  # type: ignore[arg-type]
        else:
            turn, passes = stage, share(left, costs[at:])
        part = spending(turn, _like(prospect, left).stage(turn.moves, passes=passes))
        if part is None:
            return None
        whole, left = whole + part, left - part.passes
    return whole


def _basin(basin: Basin, prospect: Prospect) -> Spending | None:
    n, left = prospect.candidates, prospect.remaining.passes
    points = basin.outer.population_size(prospect.space, n)
    planned = _claimed(basin, prospect)
    if points is None or planned is None:
        return _up_to(left, n)
    draw = points * (2 * basin.inner_steps + 1)
    refine = planned - basin.outer_steps * draw
    draws, final = basin.outer_steps, basin.final_steps
    if planned > left:  # its parts share what there is
        draws = int(min(draws, (left - left * refine / planned) // draw))
        final = int(min(final, (left - draws * draw) // (2 * n)))
    calls = (
        Calls(True, points, draws * basin.inner_steps),
        Calls(False, points, draws),
        Calls(True, n, final),
    )
    # A descent whose cost is not known ends by the steps that it is allowed, or before.
    early = _claimed(basin.inner, prospect) is None
    return Spending(tuple(each for each in calls if each.count), at_most=early)


def _restarts(restarts: Restarts, prospect: Prospect) -> Spending | None:
    n, left = prospect.candidates, prospect.remaining.passes
    inner = prospect.stage(restarts.inner.moves)
    one = spending(restarts.inner, _like(inner, inf))
    if one is None or one.at_most:
        return _up_to(left, n)
    run = one + Spending((Calls(False, n, 1),))
    wanted: float = inf if restarts.restarts is None else restarts.restarts
    if wanted == left == prospect.remaining.seconds == inf:
        planned = _claimed(restarts.inner, inner)
        wanted = max(1, UNBOUNDED_PASSES * n // (planned or 1))
    runs = wanted if left == inf else min(wanted, left // run.passes)
    if runs == inf:
        return None
    whole = run.times(int(runs))
    last = spending(restarts.inner, inner.limited(left - whole.passes)) if runs < wanted else None
    return whole if last is None else whole + last


_RULES: tuple[tuple[type[Optimizer], Any], ...] = (
    (Chain, _chain),
    (Basin, _basin),
    (Restarts, _restarts),
    (AskTell, _asking),
)


def _up_to(left: float, n: int) -> Spending | None:
    """Gradients of n points, for as long as the budget lasts."""
    return None if left == inf else Spending((Calls(True, n, left // (2 * n)),), at_most=True)


def _like(prospect: Prospect, passes: float) -> Prospect:
    return Prospect(prospect.space, prospect.candidates, Budget(passes, prospect.remaining.seconds))


def _claimed(optimizer: Optimizer, prospect: Prospect) -> int | None:
    """What it says that it costs.

    Raises:
        ValueError: that is no number of passes.
    """
    passes = optimizer.passes(prospect.space, prospect.candidates)
    if passes is not None and (not isinstance(passes, int) or passes < 0):
        raise ValueError(f"{type(optimizer).__name__}.passes: expected a number, got {passes!r}")
    return passes
