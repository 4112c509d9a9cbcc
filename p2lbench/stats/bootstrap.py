"""Intervals of means over images and repeats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import ndtr, stdtrit  # type: ignore[import-untyped, unused-ignore]

Array = np.ndarray[Any, np.dtype[np.float64]]
Strata = tuple[int, ...]

RESAMPLES = 2000
_CHUNK = 2_000_000  # random draws held at a time
_PER_CLASS = 3  # images that a class must have to be drawn from by itself


def mean_interval(values: Array, level: float = 0.95, strata: Strata = ()) -> Array | None:
    """Bootstrap interval of the mean over images, nested: images first, then their repeats.

    `values` (images, repeats, k): k quantities side by side, resampled together; returns (k, 2),
    or None below two images, where nothing can be said about other images. Seeded: the same shape
    meets the same resamples, so intervals of paired methods are paired. `strata`: each image's,
    from `strata_of`; a resample draws as many of each as there are.

    Percentiles are expanded for few images (Hesterberg 2015, "What Teachers Should Know about the
    Bootstrap"): the plain percentile interval is too short for them.
    """
    images = len(values)
    if images < 2:
        return None
    tail = expanded((1 - level) / 2, images, len({*strata}) or 1)
    interval: Array = np.quantile(resampled_means(values, strata), [tail, 1 - tail], axis=0).T
    return interval


def resampled_means(values: Array, strata: Strata = ()) -> Array:
    """The means of seeded resamples of `values` (images, repeats, k): (RESAMPLES, k)."""
    images, repeats, _ = values.shape
    flat = values.reshape(images * repeats, -1)
    chunks = _resamples(images, repeats, strata)
    means: Array = np.concatenate([counts @ flat for counts in chunks]) / len(flat)
    return means


def strata_of(classes: Sequence[Hashable | None]) -> Strata:
    """Each image's stratum by its class; empty, for a single stratum, where classes do not help.

    They do where there are several, every image has one and every class three images: from fewer,
    a resample within the class cannot tell how much its images differ.
    """
    sizes = Counter(classes)
    if len(sizes) < 2 or None in sizes or min(sizes.values()) < _PER_CLASS:
        return ()
    order = list(sizes)
    return tuple(order.index(name) for name in classes)


def expanded(tail: float, images: int, strata: int = 1) -> float:
    """The normal tail that a t-interval of that many images amounts to.

    Resampled means vary too little, by (n − H) / n for n images in H strata of one size.
    """
    freedom = images - strata
    return float(ndtr(stdtrit(freedom, tail) * np.sqrt(images / freedom)))


@lru_cache(maxsize=4)
def _resamples(
    images: int, repeats: int, strata: Strata
) -> tuple[np.ndarray[Any, np.dtype[np.uint16]], ...]:
    """How often each resample draws each (image, repeat): chunks of (resamples, cells)."""
    rng = np.random.default_rng(0)
    cells = images * repeats
    at_once = max(1, min(RESAMPLES, _CHUNK // cells))
    chunks = []
    for start in range(0, RESAMPLES, at_once):
        n = min(at_once, RESAMPLES - start)
        image = _drawn_images(rng, n, np.array(strata or (0,) * images))[:, :, None]
        repeat = rng.integers(repeats, size=(n, images, repeats))
        drawn = (image * repeats + repeat).reshape(n, cells) + cells * np.arange(n)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=n * cells).reshape(n, cells)
        chunks.append(counts.astype(np.uint16))
    return tuple(chunks)


def _drawn_images(
    rng: np.random.Generator, n: int, strata: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """(n, images): indices, drawn within each stratum."""
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    return np.concatenate([m[rng.integers(len(m), size=(n, len(m)))] for m in members], axis=1)
