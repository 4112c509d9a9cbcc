"""Runs of an optimizer on small problems, and how two of them compare."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from p2lbench.budget import BudgetSpent
from p2lbench.optimizers.base import Optimizer
from p2lbench.problem import Problem
from p2lbench.space import Variable
from p2lbench.testing.analytic import Recorder, path, problem, recorder, sphere
from p2lbench.testing.check import Factory
from p2lbench.testing.common import build

PASSES = 100  # for each candidate, where a check does not say otherwise
# A latent and a class vector; the best point is known, and not the same in every column.
VARIABLES = (
    Variable("z", (6,), bound=2.0),
    Variable("c", (3,), torch.full((3,), 0.1), torch.full((3,), 0.02), step=1e-4, role="gradient"),
)
BEST = torch.cat([torch.linspace(-1, 1, 6), torch.full((3,), 0.1)])
BOWL = sphere(BEST)


@dataclass(frozen=True)
class Run:
    """A finished run: its problem, and the points `(N, d)` that came of it."""

    problem: Problem
    points: Tensor

    @property
    def root(self) -> Recorder:
        """What was asked."""
        return recorder(self.problem)

    @property
    def spent(self) -> int:
        """In passes."""
        return self.root.ledger.passes

    @property
    def evaluated(self) -> int:
        """How many points the function itself was asked for."""
        return self.root.objective.evaluated  # type: ignore[attr-defined, no-any-return]

    def path(self, candidate: int) -> list[Tensor]:
        """What was evaluated for one candidate."""
        return path(self.problem, candidate)


def optimizer_of(factory: Factory) -> Optimizer:
    """A fresh optimizer, loaded as a worker does before the clock starts."""
    optimizer: Optimizer = build(factory, Optimizer)
    optimizer.load()
    return optimizer


def setting(candidates: int = 3, **given: Any) -> Problem:
    """The usual problem, with what a check wants to be different."""
    usual = {
        "f": BOWL,
        "variables": copy.deepcopy(VARIABLES),  # whoever changes them spoils no other run
        "deviations": {"c": 0.0} if "variables" not in given else None,
        "passes": PASSES * candidates,
    }
    return problem(candidates=candidates, **{**usual, **given})


def run(optimizer: Optimizer, candidates: int = 3, **given: Any) -> Run:
    """A run as a cell makes it."""
    p = setting(candidates, **given)
    result = p.run(optimizer)
    return Run(p, result.points)


def returned(optimizer: Optimizer, p: Problem) -> Any:
    """What `minimize` itself returns, before the worker looks at it; None if the budget ended."""
    try:
        return copy.deepcopy(optimizer).minimize(p.stage(optimizer.moves))
    except BudgetSpent:
        return None


def first_difference(a: list[Tensor], b: list[Tensor], tolerance: float = 0.0) -> str | None:
    """Where two paths part, in words; None if they do not. The longer one's rest is no matter."""
    for number, (one, other) in enumerate(zip(a, b, strict=False), 1):
        if one.shape != other.shape:
            return f"{len(one)} and {len(other)} points in call {number}"
        apart = float((one - other).abs().nan_to_num(0.0).max())
        if apart > tolerance or not torch.equal(one.isnan(), other.isnan()):
            return f"points that are {apart:.3g} apart in call {number}"
    return None
