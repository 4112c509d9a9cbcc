"""Analytic problems with known minima, for tests of the kernel and of optimizers."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import torch
from torch import Tensor

from p2lbench.budget import Budget
from p2lbench.problem import Problem
from p2lbench.root import Root
from p2lbench.space import Space, Variable

Function = Callable[[Tensor], Tensor]


class Analytic:
    """A function of full points that counts what it is really asked."""

    networks = 0

    def __init__(self, f: Function, aligned: Function | None = None):
        self.f, self.other = f, aligned
        self.same_frame = aligned is None
        self.evaluated = 0

    def original(self, x: Tensor) -> Tensor:
        self.evaluated += len(x)
        return self.f(x)

    def aligned(self, x: Tensor) -> Tensor:
        self.evaluated += len(x)
        return (self.other or self.f)(x)


def sphere(center: float = 0.5) -> Callable[[Tensor], Tensor]:
    """Minimum 0 at `center` in every column."""
    return lambda x: ((x - center) ** 2).sum(1)


def rastrigin(x: Tensor) -> Tensor:
    """Many basins; minimum 0 at the origin."""
    return (x**2 - torch.cos(2 * torch.pi * x) + 1).sum(1)


def problem(
    f: Callable[[Tensor], Tensor] | None = None,
    variables: list[Variable] | None = None,
    candidates: int = 3,
    seed: int = 0,
    passes: float = inf,
    seconds: float = inf,
    aligned: Callable[[Tensor], Tensor] | None = None,
    deviations: dict[str, float] | None = None,
    **root: Any,
) -> Problem:
    """A root problem over `variables` (default: z of 4 columns within ±2)."""
    space = Space(variables or [Variable("z", (4,), bound=2.0)])
    std = space.fill(deviations or {}, space.std)
    base = Root(
        Analytic(f or sphere(), aligned),
        space,
        space.mean,
        std,
        candidates,
        seed,
        Budget(passes, seconds),
        **root,
    )
    base.begin()
    return Problem(base, space, range(space.d), base.start)


def spent(p: Problem) -> int:
    """Passes counted so far."""
    return p._root.ledger.passes
