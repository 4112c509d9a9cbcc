"""The figures of a report, in their order."""

from __future__ import annotations

from collections.abc import Callable

from p2lbench.report.html.bestofk import best_of_k
from p2lbench.report.html.convergence import convergence
from p2lbench.report.html.figure import Figure, Source
from p2lbench.report.html.scatter import cost_and_error
from p2lbench.report.html.solved import performance_profiles, targets_reached

FIGURES: tuple[Callable[[Source], Figure | None], ...] = (
    convergence,
    cost_and_error,
    targets_reached,
    performance_profiles,
    best_of_k,
)


def figures(source: Source) -> list[Figure]:
    """Those that have something to show."""
    return [figure for make in FIGURES if (figure := make(source)) is not None]
