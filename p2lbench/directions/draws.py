"""The points that directions are found from: drawn, with what an edit leaves alone held."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from p2lbench.directions.classes import CLASS_VECTOR
from p2lbench.space import Variable

if TYPE_CHECKING:
    from torch import Generator as TorchGenerator
    from torch import Tensor

    from p2lbench.generators.base import Generator


def moving(generator: Generator) -> tuple[Variable, ...]:
    """The variables that directions move: those that any search may, and so neither the class
    vector nor noise images; all but the class vector where there is none."""
    free = [v for v in generator.variables if v.name != CLASS_VECTOR and v.role != "frozen"]
    return tuple([v for v in free if v.role == "both"] or free)


def drawn(
    generator: Generator,
    count: int,
    rng: TorchGenerator,
    device: str,
    held: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """Latents (count, *shape) of the generator's own distribution.

    Args:
        held: (1, *shape) of variables that have this value in all of them.
    """
    latents = {name: value.to(device) for name, value in generator.draw(count, rng).items()}
    return latents | {
        name: value.to(device).expand(count, *value.shape[1:])
        for name, value in (held or {}).items()
    }
