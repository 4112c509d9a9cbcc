"""The experiments by their names."""

from __future__ import annotations

from collections.abc import Mapping

from p2lbench.experiments import figures, runtime, tables
from p2lbench.experiments.model import Experiment

EXPERIMENTS: Mapping[str, Experiment] = {
    "table1": tables.TABLE1,
    "table2": tables.TABLE2,
    "table3": tables.TABLE3,
    "figure10": figures.FIGURE10,
    "figure12": figures.FIGURE12,
    "figure14": figures.FIGURE14,
    "figure15": figures.FIGURE15,
    "figure17": figures.FIGURE17,
    "figure18": figures.FIGURE18,
    "runtime": runtime.RUNTIME,
}
