"""What every optimizer promises, on analytic problems with known minima."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch

from p2lbench.optimizers.base import Optimizer
from p2lbench.space import Variable
from p2lbench.testing.check import Factory, Kit, Violation, does_not_apply
from p2lbench.testing.common import add_common
from p2lbench.testing.runs import (
    BOWL,
    PASSES,
    first_difference,
    optimizer_of,
    returned,
    run,
    setting,
)

check = Kit("optimizer")
KITS = {"optimizer": check}
CAPS = (*range(14), 17, 25, 40, 64, 101, 150, 333)


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


def _honest(made: Any, cap: int) -> None:
    counted, real = made.root.ledger.forwards, made.root.objective.evaluated
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


@check("seed", "the same seed gives the same points at every call")
def _seed(factory: Factory) -> None:
    optimizer = optimizer_of(factory)
    for candidate, difference in _two_paths(optimizer):
        raise Violation(
            "the same evaluated points in two runs with one seed",
            f"{difference} of candidate {candidate}",
            "Draw from problem.rng, problem.generator or problem.sample alone, and keep no state "
            "outside of the copy that runs.",
        )


@check("global-random", "it depends on no global random state, and moves none")
def _global_random(factory: Factory) -> None:
    optimizer = optimizer_of(factory)
    before = _states()
    first = run(optimizer)
    moved = [name for name, state in _states().items() if state != before[name]]
    if moved:
        raise Violation(
            "global random states as they were",
            f"others of {', '.join(moved)}",
            "Draw from problem.rng and problem.generator.",
        )
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    second = run(optimizer)
    for candidate in range(3):
        if difference := first_difference(first.path(candidate), second.path(candidate)):
            raise Violation(
                "the same evaluated points under other global random states",
                f"{difference} of candidate {candidate}",
                "Draw from problem.rng and problem.generator.",
            )


def _two_paths(optimizer: Optimizer) -> list[tuple[int, str]]:
    """Two runs with equal seeds, global ones included: who parts, and where."""
    runs = []
    for _ in range(2):
        random.seed(0)
        np.random.seed(0)
        torch.manual_seed(0)
        runs.append(run(optimizer))
    a, b = runs
    pairs = [(k, first_difference(a.path(k), b.path(k))) for k in range(3)]
    return [(k, text) for k, text in pairs if text]


def _states() -> dict[str, str]:
    numpy: Any = np.random.get_state()
    return {
        "random": repr(random.getstate()),
        "numpy": repr((numpy[1].tolist(), numpy[2:])),
        "torch": repr(torch.get_rng_state().tolist()),
    }


@check("independence", "candidates do not meet, unless it is declared coupled")
def _independence(factory: Factory) -> None:
    optimizer = optimizer_of(factory)
    if optimizer.coupled:
        does_not_apply("it declares that its candidates are coupled")
    few, many = (run(optimizer, n, passes=200 * n, deviations=None) for n in (2, 5))
    for candidate in range(2):
        if difference := first_difference(few.path(candidate), many.path(candidate), 1e-5):
            raise Violation(
                "the same path of a candidate among 2 candidates and among 5",
                f"{difference} of candidate {candidate}",
                "Give every candidate a random stream of its own, or declare coupled = True.",
            )


@check("nan", "it survives losses that are NaN or infinite")
def _nan(factory: Factory) -> None:
    optimizer = optimizer_of(factory)
    run(optimizer, f=lambda x: torch.where(x[:, 0] > 0.3, torch.nan, BOWL(x)))
    run(optimizer, f=lambda x: BOWL(x) * torch.nan, passes=300)
    run(optimizer, f=lambda x: BOWL(x) + torch.inf, passes=300)
