"""Adam (Kingma and Ba, 2015), one independent state per candidate in one batch."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, ClassVar, Literal

from p2lbench.budget import BudgetSpent
from p2lbench.errors import did_you_mean
from p2lbench.optimizers.base import Optimizer, fitted, positive, whole
from p2lbench.space import Space
from p2lbench.tunable import Range

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.problem import Problem

Rate = float | dict[str, float] | None
RATES = Range(0.005, 0.5)  # a tenth to ten times the paper's, for latents of a standard normal


class Adam(Optimizer):
    """Adam on the aligned-frame gradient, clamped into the bounds after every step.

    The paper's settings (appendix A): 500 steps of 0.05 for z and 0.0001 for c, the last iterate.
    """

    tunable: ClassVar = {"lr": RATES}
    source = "Kingma and Ba 2015, algorithm 1; the paper, appendix A"
    cites = ("kingma2015adam",)
    cost = "2N per step"

    def __init__(
        self,
        steps: int = 500,
        lr: Rate = None,
        final: Literal["last", "best"] = "last",
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
    ) -> None:
        """`lr`: a number for the variables that are declared `both`, or one per variable by name;
        what is not named keeps its own step size. `final`: the last iterate or the best seen."""
        self.steps, self.lr, self.final = whole("steps", steps), positive_rate(lr), final
        if not (0 <= beta1 < 1 and 0 <= beta2 < 1):
            raise ValueError(f"beta1, beta2: expected from 0 to below 1, got {beta1:g}, {beta2:g}")
        self.beta1, self.beta2, self.eps = beta1, beta2, positive("eps", eps)

    def check(self, variables: Collection[str]) -> None:
        check_names(self.lr, variables)

    def minimize(self, problem: Problem) -> Tensor:
        x = problem.start
        lr = step_sizes(problem.space, self.lr)
        moments = Moments(self.beta1, self.beta2, self.eps)
        try:
            for _ in range(self.steps):
                _, grad = problem.gradient(x)
                x = problem.clamp(x - lr * moments.direction(grad))
        except BudgetSpent:
            pass
        return x if self.final == "last" else problem.best()

    def passes(self, space: Space, candidates: int) -> int:
        return 2 * self.steps * candidates

    def fit(self, problem: Problem) -> Adam:
        return fitted(self, problem, 2 * problem.candidates)


class Moments:
    """Adam's running means of a gradient and of its square (algorithm 1)."""

    def __init__(self, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> None:
        self.beta1, self.beta2, self.eps = beta1, beta2, eps
        self.first: Tensor | float = 0.0
        self.second: Tensor | float = 0.0
        self.t = 0

    def direction(self, grad: Tensor) -> Tensor:
        """Takes one gradient; the step to subtract, before it is multiplied by the step size."""
        self.t += 1
        self.first = self.beta1 * self.first + (1 - self.beta1) * grad
        self.second = self.beta2 * self.second + (1 - self.beta2) * grad * grad
        scale = (self.second / (1 - self.beta2**self.t)).sqrt().add(self.eps)
        return self.first / scale / (1 - self.beta1**self.t)


def positive_rate(lr: Rate) -> Rate:
    """`lr`, if every number in it is above zero.

    Raises:
        ValueError: one is not.
    """
    for value in lr.values() if isinstance(lr, dict) else [] if lr is None else [lr]:
        positive("lr", value)
    return lr


def check_names(lr: Rate, variables: Iterable[str]) -> None:
    """Raises ValueError if a name in `lr` is none of the variables'."""
    known = list(variables)
    for name in lr if isinstance(lr, dict) else ():
        if name not in known:
            raise ValueError(
                f"lr: unknown variable '{name}'.{did_you_mean(name, known)} "
                f"Variables: {', '.join(known)}"
            )


def rates(space: Space, lr: Rate) -> dict[str, float]:
    """The step size of each variable here that `lr` sets; the others keep their own.

    A number sets the variables whose *declared* role is `both`: the class vector's embedding is so
    small that a step meant for z would move it forty times too far.

    Raises:
        ValueError: a name is not a variable's.
    """
    check_names(lr, space.known)
    if isinstance(lr, dict):
        return {name: rate for name, rate in lr.items() if name in space.slices}
    return {} if lr is None else {v.name: lr for v in space.variables if v.role == "both"}


def step_sizes(space: Space, lr: Rate) -> Tensor:
    """(d,) step sizes: those that `rates` gives, and the variables' own.

    Raises:
        ValueError: a name is not a variable's.
    """
    return space.fill(rates(space, lr), space.steps)
