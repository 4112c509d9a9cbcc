"""What a row's best of k tries can be expected to be, for k = 1, 2, …"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from p2lbench.rows import BestOfK, CellNumbers, Metric
from p2lbench.stats import Array, best_of_k


def curves(
    cells: Sequence[CellNumbers], metrics: Sequence[Metric], uncoupled: bool
) -> BestOfK | None:
    """From the cells of a row's complete images: the mean curve over images.

    Candidates are tries where they do not influence each other (`uncoupled`); otherwise a whole
    repeat is one, with its best candidate. None if there is one try, or images differ in theirs.
    """
    over: Literal["candidates", "repeats"] = "candidates" if uncoupled else "repeats"
    images: dict[str, list[Array]] = {}
    for cell in cells:
        if cell.candidates is not None:
            images.setdefault(cell.image, []).append(cell.candidates)
    if len({found.shape for repeats in images.values() for found in repeats}) != 1:
        return None
    tries = [_tries(np.stack(repeats), metrics, uncoupled) for repeats in images.values()]
    if {found.shape[-1] for found in tries} - {tries[0].shape[-1]} or tries[0].shape[-1] < 2:
        return None
    found: dict[str, tuple[float, ...] | None] = {}
    for k, metric in enumerate(metrics):
        each = [best_of_k(t[:, k], metric.higher_is_better).mean(axis=0) for t in tries]
        curve = np.mean(each, axis=0)
        found[metric.name] = tuple(curve.tolist()) if np.isfinite(curve).all() else None
    return BestOfK(over, found)


def _tries(candidates: Array, metrics: Sequence[Metric], uncoupled: bool) -> Array:
    """(repeats, metrics, candidates) of an image as (groups, metrics, tries)."""
    if uncoupled:
        return candidates
    best = [
        candidates[:, k].max(axis=1) if metric.higher_is_better else candidates[:, k].min(axis=1)
        for k, metric in enumerate(metrics)
    ]
    return np.array(best).reshape(1, len(metrics), len(candidates))
