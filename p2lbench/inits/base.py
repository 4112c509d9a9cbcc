"""What an init is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from p2lbench.generators.base import Generator

Distribution = Mapping[str, "tuple[Tensor, Tensor | float]"]


class Init(ABC):
    """Where a search starts: a distribution for each variable it speaks of.

    `class_id`: the target's class as the suite gives it, set before `distribution` is called; None
    if it has none. `given`: what the row's inits before this one said, set as well; the class init
    is always the first. `needs_class`: a suite whose images have no class is refused. `weights`:
    names in the weights catalogue. `files`: paths of what it reads besides; what is in them decides
    cells' ids. `cites`: the works to cite, BibTeX entries or keys of references.bib.
    """

    class_id: int | None = None
    given: Distribution = MappingProxyType({})
    needs_class: bool = False
    weights: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()

    def load(self, device: str) -> None:  # noqa: B027 (optional)
        """Read the weights onto a device. Called once."""

    @abstractmethod
    def distribution(
        self, target: Tensor, mask: Tensor, generator: Generator, rng: np.random.Generator
    ) -> Distribution:
        """Variable → (mean, standard deviation); what is left out keeps its prior.

        `target (1, 3, H, W)` in [-1, 1]; `mask (1, 1, H, W)`, the foreground's share of every
        pixel; mean of the variable's shape, deviation a number or of that shape, 0 for a certain
        start.
        """
