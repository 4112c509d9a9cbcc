"""Which of their stored statistics BigGAN's batch norms use at a truncation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from p2lbench.generators.base import check_truncation

if TYPE_CHECKING:
    from torch import Tensor

Interpolation = Literal["package", "linear"]


@dataclass(frozen=True)
class Statistics:
    """A row of tables (n_stats, channels) that have a row for each truncation, evenly from 0 to 1.

    `truncation`: above 0 and at most 1. `interpolation`, between two rows: `package`, as
    `pytorch_pretrained_biggan` does it, which gives the nearer row the smaller weight, and which
    takes the row beside where division rounds (0.14, 0.28, 0.56, 0.58, 0.94 of 51); or `linear`.
    """

    truncation: float = 1.0
    interpolation: Interpolation = "package"

    def __post_init__(self) -> None:
        check_truncation(self.truncation)

    def at(self, table: Tensor) -> Tensor:
        """(n_stats, channels) → (channels,)."""
        last = len(table) - 1
        if self.interpolation == "linear":
            above, row = math.modf(self.truncation * last)
        else:
            below, row = math.modf(self.truncation / (1.0 / last))
            above = 1 - below if below else 0.0
        lower, upper = int(row), min(int(row) + 1, last)
        return (1 - above) * table[lower] + above * table[upper]
