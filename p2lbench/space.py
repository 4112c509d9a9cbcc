"""The variables of a problem as columns of a flat vector: slices, priors, bounds, roles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, prod
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Role = Literal["both", "gradient", "search", "frozen"]
ROLES: tuple[Role, ...] = ("both", "gradient", "search", "frozen")


@dataclass(frozen=True)
class Variable:
    """One input of a generator (z, c, …) or of a transform (phi).

    `mean` and `std` are the prior's, numbers or tensors of `shape`; `bound` is the largest
    magnitude, a (low, high) pair of numbers or tensors, or None; `step` the gradient methods' own
    step size.
    `role` is who may move it: gradients and search (`both`), gradients alone, search alone, nobody.
    """

    name: str
    shape: tuple[int, ...]
    mean: float | Tensor = 0.0
    std: float | Tensor = 1.0
    bound: float | tuple[float | Tensor, float | Tensor] | None = None
    step: float = 0.05
    role: Role = "both"

    @property
    def size(self) -> int:
        """How many columns it takes."""
        return prod(self.shape)

    @property
    def limits(self) -> tuple[float | Tensor, float | Tensor]:
        """(low, high), infinite where unbounded."""
        if self.bound is None:
            return -inf, inf
        return self.bound if isinstance(self.bound, tuple) else (-self.bound, self.bound)


class Space:
    """Variables laid side by side in vectors of length `d`.

    `roles` are those in force here; a variable's own `role` stays the one its owner declared.
    `known` names the variables of the whole space, `variables` those of this part of it.
    """

    def __init__(
        self,
        variables: Sequence[Variable],
        roles: Mapping[str, Role] | None = None,
        device: str = "cpu",
    ) -> None:
        self.variables = tuple(variables)
        self.known = tuple(v.name for v in self.variables)
        self.device = device
        self.roles: dict[str, Role] = {v.name: v.role for v in self.variables}
        for name, role in (roles or {}).items():
            if name not in self.roles:
                raise ValueError(f"unknown variable '{name}': expected one of {[*self.roles]}")
            if role not in ROLES:
                raise ValueError(f"unknown role '{role}' for '{name}': expected one of {ROLES}")
            self.roles[name] = role
        self.slices: dict[str, slice] = {}
        at = 0
        for variable in self.variables:
            self.slices[variable.name] = slice(at, at + variable.size)
            at += variable.size
        self.d = at

    @property
    def mean(self) -> Tensor:
        """(d,) mean of the prior."""
        return self._flat([v.mean for v in self.variables])

    @property
    def std(self) -> Tensor:
        """(d,) standard deviation of the prior, always > 0."""
        return self._flat([v.std for v in self.variables])

    @property
    def steps(self) -> Tensor:
        """(d,) each variable's own step size."""
        return self._flat([v.step for v in self.variables])

    @property
    def low(self) -> Tensor:
        """(d,) lower bounds, -inf where there is none."""
        return self._flat([v.limits[0] for v in self.variables])

    @property
    def high(self) -> Tensor:
        """(d,) upper bounds, inf where there is none."""
        return self._flat([v.limits[1] for v in self.variables])

    def names(self, *roles: Role) -> tuple[str, ...]:
        """The variables that have one of these roles here; all of them if none is named."""
        return tuple(v.name for v in self.variables if not roles or self.roles[v.name] in roles)

    def size(self, *roles: Role) -> int:
        """How many columns the variables of these roles take."""
        return sum(v.size for v in self.variables if v.name in self.names(*roles))

    def columns(self, names: Sequence[str]) -> list[int]:
        """The column numbers of some variables, in the space's own order."""
        return [i for v in self.variables if v.name in names for i in range(*_ends(self, v.name))]

    def subspace(self, names: Sequence[str], roles: Mapping[str, Role] | None = None) -> Space:
        """These variables alone, with their roles here or the ones given."""
        kept = [v for v in self.variables if v.name in names]
        now = {v.name: (roles or {}).get(v.name, self.roles[v.name]) for v in kept}
        part = Space(kept, now, self.device)
        part.known = self.known
        return part

    def split(self, x: Tensor) -> dict[str, Tensor]:
        """(n, d) → name → (n, *shape)."""
        return {v.name: x[:, self.slices[v.name]].reshape(len(x), *v.shape) for v in self.variables}

    def join(self, parts: Mapping[str, Tensor]) -> Tensor:
        """name → (n, *shape), back to (n, d).

        Raises:
            KeyError: a variable is missing.
        """
        import torch

        return torch.cat([parts[v.name].reshape(-1, v.size) for v in self.variables], dim=1)

    def fill(self, values: Mapping[str, float | Tensor], other: Tensor) -> Tensor:
        """(d,) of one value (a number or a tensor of the shape) per variable, `other` elsewhere."""
        import torch

        out = other.clone()
        for name, value in values.items():
            where = self.slices[name]
            flat = torch.as_tensor(value, dtype=torch.float32, device=self.device).reshape(-1)
            out[where] = flat.expand(where.stop - where.start)
        return out

    def _flat(self, values: Sequence[float | Tensor]) -> Tensor:
        import torch

        named = dict(zip(self.slices, values, strict=True))
        return self.fill(named, torch.zeros(self.d, device=self.device))


def _ends(space: Space, name: str) -> tuple[int, int]:
    return space.slices[name].start, space.slices[name].stop
