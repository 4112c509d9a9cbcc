"""Shares of problems that are solved: at a cost, and within a factor of the best method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from p2lbench.stats.bootstrap import Array, Strata, mean_interval


@dataclass(frozen=True)
class Steps:
    """A share that grows in steps: from `at[k]` (ascending) on it is `share[k]`, before `at[0]` 0.

    Where the last share is below 1, the rest is never solved.
    """

    at: tuple[float, ...]
    share: tuple[float, ...]

    def value(self, x: float) -> float:
        """The share at `x`."""
        k = int(np.searchsorted(self.at, x, side="right"))
        return self.share[k - 1] if k else 0.0

    def thinned(self, points: int) -> Steps:
        """At most `points` of the steps, first and last among them; right at those it keeps."""
        if len(self.at) <= points:
            return self
        kept = np.unique(np.linspace(0, len(self.at) - 1, points).astype(int)).tolist()
        return Steps(tuple(self.at[k] for k in kept), tuple(self.share[k] for k in kept))


def distribution(costs: Array) -> Steps:
    """The empirical distribution function of `costs`, of any shape; inf: never solved.

    Raises: ValueError if there are none, or one is NaN.
    """
    if not costs.size or np.isnan(costs).any():
        raise ValueError("expected costs, none of them NaN")
    at, counts = np.unique(costs[np.isfinite(costs)], return_counts=True)
    return Steps(tuple(at.tolist()), tuple((np.cumsum(counts) / costs.size).tolist()))


def performance_profiles(costs: Array) -> list[Steps]:
    """For each method the share of problems that it solves at up to τ times the least cost.

    `costs` (problems, methods): positive; inf: not solved. A problem that nobody solves counts, and
    no method has solved it. Two methods' profiles compare rightly; of more, the order of those
    behind the first depends on who else is there (Gould & Scott 2016).

    Raises: ValueError for a cost that is NaN, 0 or negative.
    Source: Dolan & Moré 2002, "Benchmarking optimization software with performance profiles".
    """
    if not (costs > 0).all():
        raise ValueError("expected positive costs")
    least = costs.min(axis=1, keepdims=True)
    ratios = np.divide(costs, least, out=np.full_like(costs, np.inf), where=np.isfinite(least))
    return [distribution(column) for column in ratios.T]


def share_bands(costs: Array, at: Array, strata: Strata = ()) -> Array | None:
    """Pointwise 95% bands of a distribution function at `at` (k,): (k, 2).

    `costs` (images, repeats); the nested bootstrap of `mean_interval`; None below two images.
    """
    return mean_interval((costs[:, :, None] <= at).astype(np.float64), strata=strata)
