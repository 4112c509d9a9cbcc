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
        if cell.candidates is not None and cell.candidates.size:
            images.setdefault(cell.image, []).append(cell.candidates)
    if len({found.shape for repeats in images.values() for found in repeats}) != 1:
        return None
    signs = np.array([-1.0 if metric.higher_is_better else 1.0 for metric in metrics])[:, None]
    tries = [_tries(signs * np.stack(repeats), uncoupled) for repeats in images.values()]
    if len({found.shape[-1] for found in tries}) > 1 or tries[0].shape[-1] < 2:
        return None
    weights = np.repeat([1 / len(found) for found in tries], [len(found) for found in tries])
    each = best_of_k(np.concatenate(tries))
    means = signs * np.tensordot(weights / len(tries), each, axes=1)
    return BestOfK(over, {m.name: _finite(mean) for m, mean in zip(metrics, means, strict=True)})


def _tries(candidates: Array, uncoupled: bool) -> Array:
    """(repeats, metrics, candidates) of an image, lower is better: (groups, metrics, tries)."""
    return candidates if uncoupled else candidates.min(axis=2).T[None]


def _finite(curve: Array) -> tuple[float, ...] | None:
    return tuple(curve.tolist()) if np.isfinite(curve).all() else None
