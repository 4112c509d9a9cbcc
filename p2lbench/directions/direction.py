"""What an edit does to latents: a step along a line, so many units long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class Edit(Protocol):
    """`name`: as it was asked for. `unit`: what a strength of 1 is. `strengths`: the default ones,
    from the first to the last in equal steps."""

    @property
    def name(self) -> str: ...

    @property
    def unit(self) -> str: ...

    @property
    def strengths(self) -> tuple[float, float, int]: ...

    def moved(self, latents: Mapping[str, Tensor], strength: float) -> dict[str, Tensor]:
        """The variables that change, (1, *shape) each, of one point; not yet within bounds."""
        ...


@dataclass(frozen=True)
class Direction:
    """A line through every point; `vectors`: variable → (*shape), one unit of strength."""

    name: str
    unit: str
    strengths: tuple[float, float, int]
    vectors: Mapping[str, Tensor] = field(repr=False, compare=False)

    def moved(self, latents: Mapping[str, Tensor], strength: float) -> dict[str, Tensor]:
        """As of `Edit`."""
        return {
            name: latents[name] + strength * vector.to(latents[name])
            for name, vector in self.vectors.items()
        }
