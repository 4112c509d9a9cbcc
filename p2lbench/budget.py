"""What an optimizer may spend, what it is told when that is gone, and what was spent."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import inf


class BudgetSpent(Exception):
    """An allowance is used up; every later call says so too."""


class StageOver(BudgetSpent):
    """It was a stage's own allowance: the stages around it may go on."""


@dataclass(frozen=True)
class Budget:
    """Passes and seconds, allowed or left; infinite where none was set."""

    passes: float = inf
    seconds: float = inf


@dataclass
class Ledger:
    """Everything a cell spent. A pass is one image through the generator, either way."""

    forwards: int = 0
    backwards: int = 0
    perceptual_forwards: int = 0
    perceptual_backwards: int = 0
    target_preparations: int = 0
    init_forwards: int = 0
    objective_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def passes(self) -> int:
        """Generator passes: an evaluation is 1, a gradient 2."""
        return self.forwards + self.backwards

    def plain(self) -> dict[str, float]:
        """As a mapping, passes included."""
        return {
            "passes": self.passes,
            "optimizer_seconds": max(0.0, self.seconds - self.objective_seconds),
            **asdict(self),
        }
