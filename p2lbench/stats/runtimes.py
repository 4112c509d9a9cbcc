"""How much it takes to reach a target."""

from __future__ import annotations

import numpy as np

from p2lbench.stats.bootstrap import Array


def log_spaced(easiest: float, hardest: float, levels: int) -> Array:
    """`levels` values from `easiest` down to `hardest`, both included, exactly.

    Evenly spaced in the logarithm; evenly as they are if `hardest` is not positive. All the same
    where nothing is below `easiest`.
    """
    if hardest >= easiest:
        return np.full(levels, hardest)
    space = np.geomspace if hardest > 0 else np.linspace
    values: Array = space(easiest, hardest, levels)
    values[0], values[-1] = easiest, hardest
    return values


def first_reached(passes: Array, best: Array, targets: Array) -> Array:
    """The passes (k,) after which a target of `targets` (k,) is reached; inf: never.

    `best` (points,) is the best so far after `passes` (points,), ascending. Between two points
    nothing is known, so that it is the first point at which it is reached.
    """
    lowest = np.fmin.accumulate(np.where(np.isnan(best), np.inf, best))
    at = np.searchsorted(-lowest, -targets, side="left")
    found: Array = np.append(passes, np.inf)[at]
    return found


def expected_passes(hits: Array, spent: Array) -> Array:
    """Passes of all runs until they reach a target or end, per run that reaches it: (k,).

    What restarts until success would cost, on average. `hits` (runs, k), inf: never; `spent`
    (runs,): what a run spends in all. inf where no run reaches it.

    Source: Auger & Hansen 2005, "Performance evaluation of an advanced local search evolutionary
    algorithm" (SP2); Hansen et al. 2010, "Comparing results of 31 algorithms" (ERT).
    """
    reached = np.isfinite(hits)
    total = np.where(reached, hits, spent[:, None]).sum(axis=0)
    successes = reached.sum(axis=0)
    found: Array = np.divide(total, successes, out=np.full(len(total), np.inf), where=successes > 0)
    return found


def area(hits: Array, horizon: float) -> float:
    """The area below the distribution function of `hits` over log passes from 1 to `horizon`.

    Between 0, nothing reached, and 1, all reached at once. What takes longer counts 0.
    """
    if horizon <= 1:
        return float(np.isfinite(hits).mean())
    saved = 1 - np.log(np.minimum(np.maximum(hits, 1.0), horizon)) / np.log(horizon)
    return float(saved.mean())
