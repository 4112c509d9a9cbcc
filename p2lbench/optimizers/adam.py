"""Adam (Kingma and Ba, 2015), one independent state per candidate in one batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from p2lbench.budget import BudgetSpent
from p2lbench.optimizers.base import Optimizer, positive, whole
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
        self.steps, self.lr, self.final = whole("steps", steps), lr, final
        for value in lr.values() if isinstance(lr, dict) else [] if lr is None else [lr]:
            positive("lr", value)
        if not (0 <= beta1 < 1 and 0 <= beta2 < 1):
            raise ValueError(f"beta1, beta2: expected from 0 to below 1, got {beta1:g}, {beta2:g}")
        self.beta1, self.beta2, self.eps = beta1, beta2, positive("eps", eps)

    def minimize(self, problem: Problem) -> Tensor:
        x = problem.start
        lr = step_sizes(problem.space, self.lr)
        m, v = x.new_zeros(x.shape), x.new_zeros(x.shape)
        try:
            for t in range(1, self.steps + 1):
                _, grad = problem.gradient(x)
                m.mul_(self.beta1).add_(grad, alpha=1 - self.beta1)
                v.mul_(self.beta2).addcmul_(grad, grad, value=1 - self.beta2)
                scale = (v / (1 - self.beta2**t)).sqrt_().add_(self.eps)
                x = problem.clamp(x - lr * m / scale / (1 - self.beta1**t))
        except BudgetSpent:
            pass
        return x if self.final == "last" else problem.best()

    def passes(self, space: Space, candidates: int) -> int:
        return 2 * self.steps * candidates

    def fit(self, problem: Problem) -> Adam:
        steps = max(1, int(problem.remaining.passes // (2 * problem.candidates)))
        return Adam(steps, self.lr, self.final, self.beta1, self.beta2, self.eps)


def step_sizes(space: Space, lr: Rate) -> Tensor:
    """(d,) step sizes.

    A number sets the variables whose *declared* role is `both`: the class vector's embedding is so
    small that a step meant for z would move it forty times too far.

    Raises:
        ValueError: a name is not a variable's.
    """
    if lr is None:
        return space.steps
    if isinstance(lr, dict):
        unknown = [name for name in lr if name not in space.known]
        if unknown:
            raise ValueError(
                f"lr: unknown variable '{unknown[0]}': expected {', '.join(space.known)}"
            )
        here = {name: rate for name, rate in lr.items() if name in space.slices}
        return space.fill(here, space.steps)
    return space.fill({v.name: lr for v in space.variables if v.role == "both"}, space.steps)
