"""Intervals, effects, ranks, profiles. Pure functions over NumPy arrays; every draw is seeded."""

from p2lbench.stats.bootstrap import Array, mean_interval, strata_of
from p2lbench.stats.discrimination import Discrimination, discrimination
from p2lbench.stats.order import best_of_k
from p2lbench.stats.paired import Effect, Scale, effect
from p2lbench.stats.pareto import front
from p2lbench.stats.profiles import Steps, distribution, performance_profiles, share_bands
from p2lbench.stats.ranks import rank_intervals
from p2lbench.stats.runtimes import area, expected_passes, first_reached, log_spaced
from p2lbench.stats.significance import MARKED_FROM, detectable, holm, signed_rank

__all__ = [
    "MARKED_FROM",
    "Array",
    "Discrimination",
    "Effect",
    "Scale",
    "Steps",
    "area",
    "best_of_k",
    "detectable",
    "discrimination",
    "distribution",
    "effect",
    "expected_passes",
    "first_reached",
    "front",
    "holm",
    "log_spaced",
    "mean_interval",
    "performance_profiles",
    "rank_intervals",
    "share_bands",
    "signed_rank",
    "strata_of",
]
