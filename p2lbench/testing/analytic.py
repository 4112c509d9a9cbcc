"""Analytic problems with known minima, for tests of the kernel and of optimizers.

```python
from p2lbench.testing.analytic import problem, spent, sphere

p = problem(sphere(0.5), candidates=3, passes=600)
result = p.run(Foo(steps=100))
assert spent(p) <= 600
assert float(sphere(0.5)(result.points).min()) < 1e-3
```
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import torch
from torch import Tensor

from p2lbench.budget import Budget
from p2lbench.problem import Problem
from p2lbench.root import Root, Timeout
from p2lbench.space import Space, Variable

Function = Callable[[Tensor], Tensor]
PATIENCE = 2000  # refused calls, after which somebody does not listen


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


@dataclass(frozen=True)
class Call:
    """One call of a loss or a gradient: full points `(n, D)` and the candidates they belong to."""

    points: Tensor
    rows: Tensor
    gradient: bool


class Recorder(Root):
    """A root that keeps what it was asked, and ends who goes on asking when nothing is left."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.calls: list[Call] = []
        self._asked = 0

    @property
    def exhausted(self) -> bool:
        """Whether a call was refused because the budget was used up."""
        return self._over

    def check_time(self) -> None:
        """Raises Timeout if the cell's time is over, or so many calls were refused."""
        super().check_time()
        self._asked += 1
        if self._asked - len(self.calls) > PATIENCE:
            raise Timeout(f"it went on after {PATIENCE} calls were refused with BudgetSpent")

    def loss(self, full: Tensor, rows: Tensor) -> Tensor:
        self.calls.append(Call(full.clone(), rows.clone(), gradient=False))
        return super().loss(full, rows)

    def gradient(self, full: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        self.calls.append(Call(full.clone(), rows.clone(), gradient=True))
        return super().gradient(full, rows)


def sphere(center: float | Tensor = 0.5) -> Function:
    """Minimum 0 at `center`: a number for every column, or `(d,)`."""
    return lambda x: ((x - center) ** 2).sum(1)


def ellipsoid(x: Tensor) -> Tensor:
    """Columns of unequal weight, from 1 to 1,000; minimum 0 at the origin."""
    return (torch.logspace(0, 3, x.shape[1], device=x.device) * x**2).sum(1)


def rosenbrock(x: Tensor) -> Tensor:
    """A curved valley; minimum 0 at 1 in every column."""
    return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(1)


def rastrigin(x: Tensor) -> Tensor:
    """Many basins; minimum 0 at the origin."""
    return (x**2 - torch.cos(2 * torch.pi * x) + 1).sum(1)


def problem(
    f: Function | None = None,
    variables: Sequence[Variable] | None = None,
    candidates: int = 3,
    seed: int = 0,
    passes: float = inf,
    seconds: float = inf,
    aligned: Function | None = None,
    deviations: dict[str, float] | None = None,
    device: str = "cpu",
    **root: Any,
) -> Problem:
    """A root problem over `variables` (default: z of 4 columns within ±2).

    Args:
        f: (n, D) → (n,), differentiable; by default `sphere()`.
        candidates: N.
        passes, seconds: the budget, by default none.
        aligned: the loss in the aligned frame, if that is another one.
        deviations: the init's standard deviations by variable; by default the prior's.
    """
    space = Space(variables or [Variable("z", (4,), bound=2.0)], device=device)
    std = space.fill(deviations or {}, space.std)
    base = Recorder(
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


def recorder(p: Problem) -> Recorder:
    """What was asked of a problem that `problem` made.

    Raises:
        TypeError: it comes from elsewhere.
    """
    if not isinstance(p._root, Recorder):
        raise TypeError(f"expected a problem made by analytic.problem, got one of {p._root!r}")
    return p._root


def spent(p: Problem) -> int:
    """Passes counted so far."""
    return p._root.ledger.passes


def path(p: Problem, candidate: int) -> list[Tensor]:
    """The points `(n, D)` of one candidate that were evaluated, call by call."""
    found = [call.points[call.rows == candidate] for call in recorder(p).calls]
    return [points for points in found if len(points)]
