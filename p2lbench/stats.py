"""Intervals of means over images and repeats."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import ndtr, stdtrit  # type: ignore[import-untyped, unused-ignore]

Array = np.ndarray[Any, np.dtype[np.float64]]

RESAMPLES = 2000
_CHUNK = 2_000_000  # random draws held at a time


def mean_interval(values: Array, level: float = 0.95) -> Array | None:
    """Bootstrap interval of the mean over images, nested: images first, then their repeats.

    `values` (images, repeats, k): k quantities side by side, resampled together; returns (k, 2),
    or None below two images, where nothing can be said about other images. Seeded: the same shape
    meets the same resamples, so intervals of paired methods are paired.

    Percentiles are expanded for few images (Hesterberg 2015, "What Teachers Should Know about the
    Bootstrap"): the plain percentile interval is too short for them.
    """
    images, repeats, _ = values.shape
    if images < 2:
        return None
    flat = values.reshape(images * repeats, -1)
    means = np.concatenate([counts @ flat for counts in _resamples(images, repeats)]) / len(flat)
    tail = _expanded((1 - level) / 2, images)
    interval: Array = np.quantile(means, [tail, 1 - tail], axis=0).T
    return interval


def _expanded(tail: float, images: int) -> float:
    """The normal tail that a t-interval of that many images amounts to."""
    return float(ndtr(stdtrit(images - 1, tail) * np.sqrt(images / (images - 1))))


@lru_cache(maxsize=2)
def _resamples(images: int, repeats: int) -> tuple[np.ndarray[Any, np.dtype[np.uint16]], ...]:
    """How often each resample draws each (image, repeat): chunks of (resamples, cells)."""
    rng = np.random.default_rng(0)
    cells = images * repeats
    at_once = max(1, min(RESAMPLES, _CHUNK // cells))
    chunks = []
    for start in range(0, RESAMPLES, at_once):
        n = min(at_once, RESAMPLES - start)
        image = rng.integers(images, size=(n, images, 1))
        repeat = rng.integers(repeats, size=(n, images, repeats))
        drawn = (image * repeats + repeat).reshape(n, cells) + cells * np.arange(n)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=n * cells).reshape(n, cells)
        chunks.append(counts.astype(np.uint16))
    return tuple(chunks)
