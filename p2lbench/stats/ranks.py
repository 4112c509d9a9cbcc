"""How far a ranking could change with other images."""

from __future__ import annotations

import numpy as np

from p2lbench.stats.bootstrap import Array, Strata, expanded, resampled_means


def rank_intervals(
    values: Array, higher_is_better: bool = False, level: float = 0.95, strata: Strata = ()
) -> list[tuple[int, int]] | None:
    """For each method the ranks (1: best) that its mean over images may have.

    `values` (images, repeats, methods); None below two images. A method ranks behind those whose
    mean is better by more than chance explains, and before those whose mean is worse. Chance is
    the largest studentised difference to any other method over paired resamples, so the interval
    holds the true rank with the level's probability, whichever methods are close or tied.
    Percentiles of resampled ranks would not: they repeat the order that was seen.

    Source: Mogstad, Romano, Shaikh & Wilhelm 2024, "Inference for Ranks", section 3.
    """
    images, _, methods = values.shape
    if images < 2:
        return None
    signed = -values if higher_is_better else values
    means = signed.mean(axis=(0, 1))
    moved = resampled_means(signed, strata) - means
    quantile = 1 - 2 * expanded((1 - level) / 2, images, len({*strata}) or 1)
    found = []
    for k in range(methods):
        margins = _margins(moved[:, [k]] - moved, quantile)
        ahead = int((means[k] - means > margins).sum())
        behind = int((means - means[k] > margins).sum())
        found.append((1 + ahead, methods - behind))
    return found


def _margins(differences: Array, quantile: float) -> Array:
    """(methods,): what resampled differences (resamples, methods) to one method stay within."""
    spread = np.sqrt(np.mean(differences**2, axis=0))
    # To itself, and to a method with the same results up to a constant, nothing varies.
    largest = np.max(np.abs(differences) / np.where(spread > 0, spread, np.inf), axis=1)
    margins: Array = np.quantile(largest, quantile) * spread
    return margins
