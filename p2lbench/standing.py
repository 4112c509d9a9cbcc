"""What a row is to the other rows of its table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from p2lbench.stats import Effect, Steps


@dataclass(frozen=True)
class Comparison:
    """A row against its baseline: the row that differs from it in nothing but the optimizer.

    `p`: of Wilcoxon's signed-rank test; None where no test is made. `p_holm`: Holm's, over all rows
    that have a baseline; those that are not tested count. `mark`: where `p_holm` and the interval
    agree on a difference. `detectable`: the smallest effect that so many images could have shown,
    as a ratio below 1 or a difference above 0; None for one image.
    """

    effect: Effect
    p: float | None = None
    p_holm: float | None = None
    mark: Literal["better", "worse"] | None = None
    detectable: float | None = None

    def to_json(self) -> dict[str, Any]:
        """A row's `effect` in `leaderboard --json`."""
        effect = self.effect
        return {
            "scale": effect.scale,
            "value": effect.value,
            "interval": None if effect.interval is None else list(effect.interval),
            "better": effect.better,
            "images": effect.images,
            "won": effect.won,
            "tied": effect.tied,
            "p": self.p,
            "p_holm": self.p_holm,
            "mark": self.mark,
            "detectable": self.detectable,
        }


@dataclass(frozen=True)
class Standing:
    """On the metric that the table is ranked on; None: nothing to say.

    `ranks`: the ranks that other images could give it. `on_front`: no other row has as little error
    for as few passes, and less of one. `profile`: the share of images on which its error is at most
    τ times the least of any row, by τ.
    """

    ranks: tuple[int, int] | None = None
    on_front: bool | None = None
    against: Comparison | None = None
    profile: Steps | None = None
