"""What the best of k tries can be expected to be."""

from __future__ import annotations

import numpy as np

from p2lbench.stats.bootstrap import Array


def best_of_k(values: Array, higher_is_better: bool = False) -> Array:
    """Expected best of k = 1..n draws from `values` (..., n) without replacement: (..., n).

    Unbiased for the best of k fresh tries if the n tries are independent of each other: the mean
    over all subsets of k of them. The i-th best is a subset's best in C(n − i, k − 1) of C(n, k).
    Of the largest k, n itself, it is the plain best.
    """
    n = values.shape[-1]
    ordered = np.sort(-values if higher_is_better else values, axis=-1)
    k = np.arange(1, n + 1)
    weights = [k / n]  # C(n − 1, k − 1) / C(n, k)
    for i in range(n - 1):
        weights.append(weights[i] * np.maximum(n - i - k, 0) / (n - i - 1))
    curve: Array = ordered @ np.array(weights)
    return -curve if higher_is_better else curve
