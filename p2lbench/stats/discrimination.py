"""How well a set of images tells methods apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from p2lbench.stats.bootstrap import Array, Strata, resampled_means

_AT_ONCE = 4_000_000  # signs of pairs held at a time
_ROUNDING = 1e-12  # of the largest value: what differs by less is equal


@dataclass(frozen=True)
class Discrimination:
    """Of methods on images.

    `between`: the variance of methods' means that is not noise (0 if noise explains it all).
    `noise`: the variance of a method's mean over so many images, what images have in common left
    out. `reliability`: between / (between + noise): how far the means would be those of other
    images; None if nothing varies. `stability`: mean Kendall tau of the rankings by resampled
    images against the ranking.
    """

    between: float
    noise: float
    reliability: float | None
    stability: float


def discrimination(values: Array, strata: Strata = ()) -> Discrimination | None:
    """From `values` (images, methods), lower is better; None below two of either.

    The two-way analysis of variance without replication: `reliability` is 1 − 1/F, the intraclass
    correlation ICC(3, k) of methods over k images (Shrout & Fleiss 1979), not below 0.
    """
    images, methods = values.shape
    if images < 2 or methods < 2:
        return None
    means = values.mean(axis=0)
    rest = values - values.mean(axis=1, keepdims=True) - means + values.mean()
    noise = float((rest**2).sum() / ((images - 1) * (methods - 1)) / images)
    between = max(0.0, float(means.var(ddof=1)) - noise)
    whole, rounding = between + noise, _ROUNDING * np.abs(values).max()
    reliability = between / whole if whole > rounding**2 else None
    return Discrimination(between, noise, reliability, _stability(values, means, strata, rounding))


def _stability(values: Array, means: Array, strata: Strata, rounding: float) -> float:
    """Mean tau-b; where one of both rankings ties everything it says nothing, and counts 0."""
    one, other = np.triu_indices(len(means), 1)
    resampled = resampled_means(values[:, None, :], strata)
    resampled = resampled[: max(1, _AT_ONCE // len(one))]
    signs, drawn = (
        np.sign(gaps) * (np.abs(gaps) > rounding)
        for gaps in (means[one] - means[other], resampled[:, one] - resampled[:, other])
    )
    length = np.sqrt((signs**2).sum() * (drawn**2).sum(axis=1))
    taus = np.divide(drawn @ signs, length, out=np.zeros(len(drawn)), where=length > 0)
    return float(taus.mean())
