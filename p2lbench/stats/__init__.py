"""Intervals, paired effects, ranks. Pure functions over NumPy arrays; every draw is seeded."""

from p2lbench.stats.bootstrap import Array, mean_interval, strata_of
from p2lbench.stats.order import best_of_k
from p2lbench.stats.paired import Effect, Scale, effect
from p2lbench.stats.pareto import front
from p2lbench.stats.ranks import rank_intervals
from p2lbench.stats.significance import MARKED_FROM, detectable, holm, signed_rank

__all__ = [
    "MARKED_FROM",
    "Array",
    "Effect",
    "Scale",
    "best_of_k",
    "detectable",
    "effect",
    "front",
    "holm",
    "mean_interval",
    "rank_intervals",
    "signed_rank",
    "strata_of",
]
