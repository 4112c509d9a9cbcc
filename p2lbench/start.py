"""Where a cell's search starts: the prior, and what the row's inits say instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from p2lbench.errors import Skip
from p2lbench.space import Space

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.inits.base import Init

CLASS = "class"
Part = tuple[str, str, "Init"]


def in_order(parts: Iterable[Part]) -> list[Part]:
    """Inits as (variable, name, instance) in the order to ask them: the class init first."""
    return sorted(parts, key=lambda part: part[0] != CLASS)


class Start:
    """`mean` and `std` (d,), at first the prior's, and which variables inits have spoken of."""

    def __init__(self, space: Space, mean: Tensor, std: Tensor) -> None:
        self.space, self.mean, self.std = space, mean, std
        self._said: dict[str, None] = {}  # a set would have another order in every process

    @property
    def given(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Variable → (mean, deviation), both of its shape, as inits have said it so far."""
        means, deviations = self.space.split(self.mean[None]), self.space.split(self.std[None])
        return {name: (means[name][0].clone(), deviations[name][0].clone()) for name in self._said}

    def take(self, said: Mapping[str, Any], variable: str, name: str) -> None:
        """What init `name` says of the variable that it stands for; all, if that is the class.

        Raises:
            Skip: it says nothing of it, or speaks of a variable that is not there.
        """
        if variable != CLASS:
            if variable not in said:
                about = ", ".join(said)
                raise Skip(f"init '{name}' says nothing of '{variable}', but of {about}")
            said = {variable: said[variable]}
        unknown = [each for each in said if each not in self.space.slices]
        if unknown:
            raise Skip(f"init '{name}' speaks of '{unknown[0]}', which the generator does not have")
        self.mean = self.space.fill({each: pair[0] for each, pair in said.items()}, self.mean)
        self.std = self.space.fill({each: pair[1] for each, pair in said.items()}, self.std)
        self._said |= dict.fromkeys(said)
