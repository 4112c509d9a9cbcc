"""What every optimizer promises, on analytic problems with known minima."""

from __future__ import annotations

import copy
import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor

from p2lbench.optimizers.base import Optimizer
from p2lbench.problem import Problem
from p2lbench.space import ROLES, Variable
from p2lbench.testing import sameness, stages
from p2lbench.testing.check import Factory, Kit, Violation, does_not_apply
from p2lbench.testing.common import add_common, same
from p2lbench.testing.runs import BEST, BOWL, PASSES, Run, optimizer_of, returned, run, setting

check = Kit("optimizer")
CAPS = (*range(12), 17, 31, 64, 101)
SEARCH_PASSES = 900  # to find a minimum in six dimensions with

THREAD_SECONDS = 1.0  # for threads that have been told to end


def _use(optimizer: Optimizer) -> None:
    optimizer.load()
    run(optimizer, passes=60)


add_common(check, "optimizers", Optimizer, _use)


@check("returns", "it returns finite float32 points (candidates, d) on the problem's device")
def _returns(factory: Factory) -> None:
    optimizer = optimizer_of(factory)
    p = setting()
    points = returned(optimizer, p)
    if points is None:
        return
    wanted = p.stage(optimizer.moves)
    shape = (wanted.candidates, wanted.space.d)
    expected = f"a float32 tensor {shape} on {wanted.device}"
    if not isinstance(points, torch.Tensor):
        raise Violation(expected, type(points).__name__, "Return the points from minimize.")
    if tuple(points.shape) != shape or points.dtype != torch.float32:
        raise Violation(expected, f"{points.dtype} {tuple(points.shape)}")
    if str(points.device) != str(torch.device(wanted.device)):
        raise Violation(expected, f"one on {points.device}", "Make tensors on problem.device.")
    if not bool(points.isfinite().all()):
        raise Violation("finite points", "NaN or infinity", "Such a cell counts as diverged.")


@check("bounds", "what it returns lies within the bounds")
def _bounds(factory: Factory) -> None:
    optimizer = optimizer_of(factory)
    # The lowest point of the box is at its edge.
    p = setting(f=lambda x: ((x - 9) ** 2).sum(1))
    points = returned(optimizer, p)
    if points is None:
        return
    beyond = float((points - p.stage(optimizer.moves).clamp(points)).abs().max())
    if beyond > 1e-5:
        raise Violation(
            "points within the bounds",
            f"a column that is {beyond:.3g} beyond its bound",
            "Return problem.clamp(x): the worker would clamp to points that were not evaluated.",
        )


@check("budget", "it survives a budget that ends at any call, and then stops")
def _budget(factory: Factory) -> None:
    optimizer = optimizer_of(factory)
    for cap in CAPS:
        _honest(run(optimizer, passes=cap), cap)
    _honest(run(optimizer, passes=PASSES, seconds=0.0), 0)


def _honest(made: Run, cap: int) -> None:
    counted, real = made.root.ledger.forwards, made.evaluated
    if made.spent > cap or real != counted:
        raise Violation(
            f"at most {cap} passes, all of them counted",
            f"{made.spent} passes, and {real} evaluations of which {counted} are counted",
            "Evaluate through problem.loss and problem.gradient alone.",
        )
    if not bool(made.points.isfinite().all()):
        raise Violation(
            f"finite points after a budget of {cap} passes",
            "NaN or infinity",
            "Catch BudgetSpent and return the iterate, or let it through.",
        )


@check("one-candidate", "it runs with one candidate, and with five")
def _one_candidate(factory: Factory) -> None:
    optimizer = optimizer_of(factory)
    for candidates in (1, 5):
        run(optimizer, candidates, passes=60 * candidates)


@check("dimensions", "it runs in one dimension, and in 512")
def _dimensions(factory: Factory) -> None:
    optimizer = optimizer_of(factory)
    for d in (1, 512):
        variables = [Variable("z", (d,), bound=2.0)]
        run(optimizer, 2, passes=200, f=lambda x: x.square().sum(1), variables=variables)


@check("nan", "it survives losses that are NaN or infinite")
def _nan(factory: Factory) -> None:
    optimizer = optimizer_of(factory)
    run(optimizer, f=lambda x: torch.where(x[:, 0] > 0.3, torch.nan, BOWL(x)))
    run(optimizer, f=lambda x: BOWL(x) * torch.nan, passes=90)
    run(optimizer, f=lambda x: BOWL(x) + torch.inf, passes=90)


@check("minimum", "it finds a known minimum, far better than draws from the prior do")
def _minimum(factory: Factory) -> None:
    optimizer = optimizer_of(factory)
    p = setting(passes=SEARCH_PASSES)
    if optimizer.passes(p.space, p.candidates) == 0:
        does_not_apply("it plans to spend nothing")
    fitted = optimizer.fit(p.stage(ROLES))
    made = Run(p, p.run(fitted).points)
    found = float(BOWL(made.points).min())
    # A tenth of its draws: so pure random search, which is honest, fails once in a thousand.
    draws = max(p.candidates, made.spent // 10)
    bar = min(_best_of_draws(draws), float(BOWL(p.start).min()))
    if not found < bar:
        raise Violation(
            f"a loss below {bar:.3g}, which the best of {draws} draws has, after {made.spent} "
            "passes in 6 dimensions",
            f"{found:.3g}",
            "Is the sign right, and is the best point returned? If it only needs more steps, check "
            "it with functools.partial(Class, steps=...).",
        )


def _best_of_draws(n: int) -> float:
    """The median, over 51 repetitions, of the lowest loss among n draws from the prior."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(51, n, 6, generator=generator).clamp(-2, 2)
    return float(((z - BEST[:6]) ** 2).sum(2).amin(1).median())


@check("untouched", "it leaves the problem and its own options as they were")
def _untouched(factory: Factory) -> None:
    optimizer = optimizer_of(factory)
    options = copy.deepcopy(vars(optimizer))
    p = setting()
    before = _given(p)
    p.run(optimizer)
    if changed := [name for name, value in _given(p).items() if not same(value, before[name])]:
        raise Violation(
            "the problem as it was",
            f"another {', '.join(changed)}",
            "Clone what belongs to the problem's space before you change it.",
        )
    now = vars(optimizer)
    if changed := [key for key in now if key not in options or not same(now[key], options[key])]:
        raise Violation(
            "the optimizer's attributes as they were: a copy of it runs",
            f"another {', '.join(changed)}",
            "Keep the state of a run in local variables, or in what setup makes.",
        )


def _given(p: Problem) -> dict[str, Any]:
    space = p.space
    own = {v.name: copy.deepcopy((v.mean, v.std, v.bound, v.step)) for v in space.variables}
    columns = {name: getattr(space, name) for name in ("mean", "std", "steps", "low", "high")}
    given = {name: getattr(p, name) for name in ("start", "center", "spread", "deviation")}
    return {**given, **{f"space.{k}": v for k, v in {**columns, **own}.items()}}


@check("threads", "it leaves no thread or process behind, however it ends")
def _threads(factory: Factory) -> None:
    optimizer = optimizer_of(factory)
    with _nothing_left("after a run"):
        run(optimizer, passes=60)
    with _nothing_left("after a budget that ended early"):
        run(optimizer, passes=7)
    with _nothing_left("after an error in the generator"), suppress(_BrokenGeneratorError):
        run(optimizer, f=_Breaking(9))


class _BrokenGeneratorError(RuntimeError):
    """What a generator may raise."""


class _Breaking:
    """Raises after so many points."""

    def __init__(self, points: int) -> None:
        self.left = points

    def __call__(self, x: Tensor) -> Tensor:
        self.left -= len(x)
        if self.left < 0:
            raise _BrokenGeneratorError("the generator failed")
        return BOWL(x)


@contextmanager
def _nothing_left(when: str) -> Iterator[None]:
    before = set(threading.enumerate()), set(multiprocessing.active_children())
    yield
    threads = set(threading.enumerate()) - before[0]
    for thread in threads:
        thread.join(THREAD_SECONDS / len(threads))
    left = [thread.name for thread in threads if thread.is_alive()]
    left += [child.name for child in set(multiprocessing.active_children()) - before[1]]
    if left:
        raise Violation(
            f"no threads and processes {when}",
            ", ".join(left),
            "Stop them in close() (AskTell), or in a finally of minimize.",
        )


KITS = {
    "optimizer": Kit("optimizer", [*check.checks, *sameness.check.checks, *stages.check.checks])
}
