"""What fine-tuning is told."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from p2lbench.errors import UserError

WHOLE = "loss"  # what `stop_on` calls the whole loss
MAX_LR = 1e6


@dataclass(frozen=True)
class Options:
    """`weight`: lambda of eq. 6. `lr`: Adam's. It ends as soon as what `stop_on` names, the whole
    loss or one of its terms without its factor, is below `stop`; after `steps` in any case."""

    weight: float = 1000.0
    lr: float = 1e-4
    stop: float = 0.1
    stop_on: str = WHOLE
    steps: int = 1000

    def __post_init__(self) -> None:
        """Raises: UserError."""
        for name in ("weight", "stop"):
            if not (isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise UserError(f"--{name}: expected a number from 0 on, got {getattr(self, name)}")
        if not 0 < self.lr <= MAX_LR:
            raise UserError(f"--lr: expected a number above 0, at most {MAX_LR:g}, got {self.lr}")
        if self.steps < 0:
            raise UserError(f"--steps: expected 0 or more, got {self.steps}")
