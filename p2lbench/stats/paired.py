"""What one method changes against another, on the same images from the same starts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from p2lbench.stats.bootstrap import Array, Strata, mean_interval

Scale = Literal["ratio", "difference"]


@dataclass(frozen=True)
class Effect:
    """One method against another.

    `value`: the geometric mean over images of ours / theirs, or the mean of ours − theirs.
    `interval`: its 95% interval, not corrected for several comparisons; None for a single image.
    `better`: the probability that ours is better on an image and repeat; ties count half.
    `won`, `tied`: images that ours is better on, and equal on, over its repeats.
    `changes` (images,): what `value` is the mean of: logarithms of ratios, or differences.
    """

    scale: Scale
    value: float
    interval: tuple[float, float] | None
    better: float
    won: int
    tied: int
    changes: Array

    @property
    def images(self) -> int:
        """How many it is over."""
        return len(self.changes)


def effect(
    ours: Array,
    theirs: Array,
    scale: Scale,
    higher_is_better: bool = False,
    strata: Strata = (),
) -> Effect:
    """The paired effect of `ours` against `theirs`, both (images, repeats), over images.

    Raises: ValueError if the shapes differ or are empty, a value is not finite, or one that a
    ratio is made of is not positive.
    """
    changes = _changes(ours, theirs, scale)
    gains = changes if higher_is_better else -changes
    per_image = changes.mean(axis=1)
    ends = mean_interval(changes[:, :, None], strata=strata)
    back = math.exp if scale == "ratio" else float
    return Effect(
        scale=scale,
        value=back(per_image.mean()),
        interval=None if ends is None else (back(ends[0, 0]), back(ends[0, 1])),
        better=float(np.mean((np.sign(gains) + 1) / 2)),
        won=int((gains.mean(axis=1) > 0).sum()),
        tied=int((per_image == 0).sum()),
        changes=per_image,
    )


def _changes(ours: Array, theirs: Array, scale: Scale) -> Array:
    """(images, repeats): per pair of cells."""
    if ours.shape != theirs.shape or ours.ndim != 2 or not ours.size:
        raise ValueError(f"expected two (images, repeats), got {ours.shape} and {theirs.shape}")
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        raise ValueError("expected finite values")
    if scale == "difference":
        return ours - theirs
    if min(ours.min(), theirs.min()) <= 0:
        raise ValueError("expected positive values for a ratio")
    changes: Array = np.log(ours) - np.log(theirs)
    return changes
