"""Which of the paper's tables and figures is made how. To add one, name its function here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from p2lbench.report.experiment.byclass import by_class
from p2lbench.report.experiment.costs import costs
from p2lbench.report.experiment.kinds import Part
from p2lbench.report.experiment.ranked import ranked
from p2lbench.report.experiment.source import Source
from p2lbench.report.experiment.steps import step_map
from p2lbench.report.experiment.tabular import best, both
from p2lbench.report.experiment.top import top_candidates
from p2lbench.report.experiment.tradeoff import trade_off

MAKERS: Mapping[str, Callable[[Source], list[Part]]] = {
    "table1": both,
    "table2": best,
    "table3": best,
    "figure10": by_class,
    "figure12": top_candidates,
    "figure14": ranked,
    "figure15": ranked,
    "figure17": step_map,
    "figure18": trade_off,
    "runtime": costs,
}


def parts(source: Source) -> list[Part]:
    """What there is to draw. Raises: StoreError."""
    make = MAKERS.get(source.name)
    return [] if make is None else make(source)
