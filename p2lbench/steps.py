"""Step sizes that a suite gives in place of the generators' own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from p2lbench.space import Variable


@dataclass(frozen=True)
class Step:
    """A step size; with `relative`, in units of the variable's own scale."""

    size: float
    relative: bool = False

    def of(self, variable: Variable) -> float:
        """The step size for a variable. Its scale is the root mean square, over its elements, of
        its prior's standard deviation."""
        return self.size * scale(variable) if self.relative else self.size

    def plain(self) -> Any:
        """As a suite writes it."""
        return {"relative": self.size} if self.relative else self.size

    @classmethod
    def read(cls, plain: Any) -> Step:
        """The inverse of `plain`."""
        relative = isinstance(plain, Mapping)
        return cls(plain["relative"] if relative else plain, relative)


Steps = tuple[tuple[str, Step], ...]


def scale(variable: Variable) -> float:
    """The root mean square of the prior's standard deviation."""
    import torch

    std = torch.as_tensor(variable.std, dtype=torch.float64)
    return float(std.square().mean().sqrt())


def stepped(variables: Iterable[Variable], steps: Steps) -> list[Variable]:
    """The variables with these step sizes; those of variables that are not there are left out."""
    by_name: Mapping[str, Step] = dict(steps)
    return [replace(v, step=by_name[v.name].of(v)) if v.name in by_name else v for v in variables]
