"""Any of torch's optimizers by `torch:<Name>`, one independent state per candidate."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Literal

from p2lbench.budget import BudgetSpent
from p2lbench.errors import Skip
from p2lbench.optimizers import torchnames
from p2lbench.optimizers.adam import Rate, check_names, positive_rate, rates
from p2lbench.optimizers.base import Optimizer, fitted, whole
from p2lbench.space import Space

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.problem import Problem

Value = bool | int | float | str | None | list[float | None]
# They orthogonalise a whole matrix, and mean nothing for a vector.
MATRICES = ("Muon",)


class TorchOptim(Optimizer):
    """One of `torch.optim` on the aligned-frame gradient, clamped into the bounds after every step.

    Each variable of each candidate is a parameter of its own, in its own shape, and each variable a
    parameter group with its own step size. So candidates never meet; Adafactor and Muon, which see
    rows and columns, see those of one candidate's variable.
    """

    # Weight decay would move what gradients do not.
    moves = ("both", "gradient")
    source = "torch.optim"
    cites = ("paszke2017automatic",)
    cost = "2N per step"

    def __init__(
        self,
        name: str,
        steps: int = 500,
        lr: Rate = None,
        final: Literal["last", "best"] = "last",
        options: dict[str, Value] | None = None,
    ) -> None:
        """`lr`, `final`: as Adam's. Variables' own step sizes suit Adam and its kin; SGD, Adadelta
        and Rprop want other ones. `options`: what else torch's constructor takes, such as
        `{momentum: 0.9}`; names are checked here, values by torch when the cell is run."""
        self.name, self.options = name, dict(options or {})
        torchnames.check(name, self.options)
        self.steps, self.lr, self.final = whole("steps", steps), positive_rate(lr), final

    def check(self, variables: Collection[str]) -> None:
        check_names(self.lr, variables)

    def load(self) -> None:
        """Its first step imports what takes seconds; wrong values of options are found here."""
        import torch

        parameter = torch.zeros(2, 2)
        optimizer = self._instance([{"params": [parameter], "lr": 0.1}])
        parameter.grad = torch.zeros(2, 2)
        optimizer.step()

    def minimize(self, problem: Problem) -> Tensor:
        x, space = problem.start, problem.space
        for variable in space.variables:
            if self.name in MATRICES and len(variable.shape) != 2:
                shape = "x".join(map(str, variable.shape)) or "a number"
                raise Skip(f"torch:{self.name} takes matrices: '{variable.name}' is {shape}")
        parameters = _views(space, x)
        steps = {v.name: v.step for v in space.variables} | rates(space, self.lr)
        optimizer = self._instance(
            [{"params": rows, "lr": steps[name]} for name, rows in parameters.items()]
        )
        try:
            for _ in range(self.steps):
                _, grad = problem.gradient(x)
                for name, rows in _views(space, grad).items():
                    for parameter, slope in zip(parameters[name], rows, strict=True):
                        parameter.grad = slope
                optimizer.step()
                x.copy_(problem.clamp(x))
        except BudgetSpent:
            pass
        return x if self.final == "last" else problem.best()

    def passes(self, space: Space, candidates: int) -> int:
        return 2 * self.steps * candidates

    def fit(self, problem: Problem) -> TorchOptim:
        return fitted(self, problem, 2 * problem.candidates)

    def _instance(self, groups: list[Mapping[str, Any]]) -> Any:
        import torch

        values = {k: tuple(v) if isinstance(v, list) else v for k, v in self.options.items()}
        try:
            return getattr(torch.optim, self.name)(groups, **values)
        except (TypeError, ValueError) as error:
            raise ValueError(f"torch:{self.name}: options: {error}") from error


def _views(space: Space, x: Tensor) -> dict[str, list[Tensor]]:
    """Each variable of each row of x (n, d), in its shape; changing one changes x."""
    return {v.name: [row[space.slices[v.name]].view(v.shape) for row in x] for v in space.variables}
