"""What a search does with points outside the bounds, besides clamping them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

MOST_REDRAWS = 100
LEAST_POPULATION = 4  # pycma takes quartiles of the losses


def redrawn(solutions: Array, low: Array, high: Array, ask: Callable[[int], Any]) -> Array:
    """The solutions (n, d) with fresh ones in place of those outside; clamped if they stay there.

    `ask(k)` draws k more. Whole points are drawn again, since their columns are correlated.
    """
    import numpy as np

    for _ in range(MOST_REDRAWS):
        outside = ((solutions < low) | (solutions > high)).any(1)
        if not outside.any():
            break
        solutions[outside] = np.asarray(ask(int(outside.sum())))
    return np.clip(solutions, low, high)


class Penalty:
    """pycma's `BoundPenalty`: sum_i γ_i (x_i - clamp(x)_i)² / d.

    γ starts as 1. Once the mean has left the bounds it becomes 2 δ, where δ is the median over the
    last steps of the losses' interquartile range, divided by the mean variance. Each γ_i then grows
    while the mean is more than 3 max(1, √d / μ_eff) standard deviations outside in column i, and
    shrinks while it is above 5 δ (Hansen, Niederberger, Guzzella and Koumoutsakos, 2009, addendum).
    """

    def __init__(self, low: Array, high: Array) -> None:
        """The bounds (d,) in the strategy's own units, infinite where there is none."""
        import cma

        self._handler = cma.BoundPenalty([low, high])
        self._identity = cma.transformations.GenoPheno(len(low))

    def __call__(self, solutions: Array, losses: Array, strategy: Any) -> Array:
        """Penalties (n,) of solutions (n, d) as drawn; γ learns from the finite losses first.

        pycma's own use of the handler takes the repaired points, whose penalty is 0.
        """
        import numpy as np

        # Without a spread of losses there is no scale yet.
        with suppress(ValueError):
            if len(losses) >= LEAST_POPULATION:
                self._handler.update(losses.tolist(), strategy)
        return np.asarray(self._handler(solutions, None, self._identity))
