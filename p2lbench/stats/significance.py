"""Paired tests, their correction for several comparisons, and what they could have found."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import nctdtrinc, stdtrit  # type: ignore[import-untyped, unused-ignore]

from p2lbench.stats.bootstrap import Array

MARKED_FROM = 12  # images; on fewer no difference is called significant


def signed_rank(changes: Array) -> float:
    """Two-sided p-value of Wilcoxon's signed-rank test of `changes` (images,), without zeros.

    Exact up to 50 images without ties; what is done with ties is scipy's (`method="auto"`). 1 if
    all are zero.
    """
    from scipy.stats import wilcoxon  # slow to import  # type: ignore[import-untyped]

    moved = changes[changes != 0]
    return float(wilcoxon(moved).pvalue) if len(moved) else 1.0


def holm(values: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p-values, in the order given: below α where his procedure rejects."""
    adjusted = [1.0] * len(values)
    floor = 0.0
    for done, k in enumerate(np.argsort(values, kind="stable")):
        floor = max(floor, min(1.0, values[k] * (len(values) - done)))
        adjusted[k] = floor
    return adjusted


def detectable(changes: Array, power: float = 0.8, level: float = 0.95) -> float | None:
    """The smallest mean of `changes` (images,) that a t-test finds with that power.

    For one comparison, two-sided, if images vary as these do; on the scale of `changes`. None
    below two images.
    """
    images = len(changes)
    if images < 2:
        return None
    critical = stdtrit(images - 1, (1 + level) / 2)
    shift = nctdtrinc(images - 1, 1 - power, critical)  # noncentrality of that power
    return float(shift * changes.std(ddof=1) / math.sqrt(images))
