"""Appendix A: what methods cost, as multiples of Adam's seconds and passes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from p2lbench.leaderboard import Row
from p2lbench.report.experiment.kinds import Bar, Bars, Part
from p2lbench.report.experiment.source import Source

_SPLITS = {
    "seconds": ("objective_seconds", "optimizer_seconds"),
    "passes": ("forwards", "backwards"),
}
_NAMES = {
    "objective_seconds": "generator and loss",
    "optimizer_seconds": "the rest: the optimizer's own work",
    "forwards": "forward",
    "backwards": "backward",
}


@dataclass(frozen=True)
class Cost:
    """Of a row: means per cell, by the ledger's names."""

    row: Row
    spent: Mapping[str, float]


def costs(source: Source) -> list[Part]:
    """Seconds, and passes, relative to the row of plain Adam; in units where there is none."""
    found = _costs(source)
    return [bars for unit in _SPLITS if (bars := _bars(source, found, unit))]


def _costs(source: Source) -> list[Cost]:
    """The rows that cover the same images, in the leaderboard's order."""
    ledgers: dict[Sequence[str], list[Mapping[str, float]]] = {}
    complete = {row.labels: row.complete for row in source.board.rows if row.comparable}
    for planned, record in source.store.records():
        if record is not None and planned.image in complete.get(planned.row, ()):
            ledgers.setdefault(planned.row, []).append(record.ledger)
    return [
        Cost(row, {name: _mean(name, ledgers[row.labels]) for name in (*_NAMES, *_SPLITS)})
        for row in source.board.rows
        if row.labels in ledgers
    ]


def _mean(name: str, ledgers: Sequence[Mapping[str, float]]) -> float:
    return math.fsum(float(ledger.get(name, 0)) for ledger in ledgers) / len(ledgers)


def _bars(source: Source, found: Sequence[Cost], unit: str) -> Bars | None:
    """None where there are no seconds of this machine."""
    if unit == "seconds":
        found = [cost for cost in found if source.board.told(cost.row) is None]
    if not found:
        return None
    adam = next((cost for cost in found if _is_adam(cost.row)), None)
    by = 1.0 if adam is None else adam.spent[unit]
    known = adam is not None and by > 0
    order = sorted(found, key=lambda cost: cost.spent[unit])
    split = _SPLITS[unit]
    machine = (
        f" They are of this machine and of what else ran on it; Adam took {by:,.3g} seconds."
        if unit == "seconds" and known
        else ""
    )
    return Bars(
        f"{source.name}-{unit}",
        f"{unit.capitalize()} per cell" + (", relative to Adam" if known else ""),
        f"Means over cells of {source.board.suite.candidates} candidates.{machine}",
        axis=f"{unit}, multiples of Adam's" if known else unit,
        bars=[_bar(source, cost, unit, adam if known else None) for cost in order],
        parts=[_NAMES[name] for name in split],
    )


def _bar(source: Source, cost: Cost, unit: str, adam: Cost | None) -> Bar:
    by = 1.0 if adam is None else adam.spent[unit]
    name = source.name_of(cost.row)
    value, parts = cost.spent[unit] / by, [cost.spent[part] / by for part in _SPLITS[unit]]
    text = f"{name}: {value:.2f} ({cost.spent[unit]:,.4g} {unit})"
    paper = _papers(source, cost.row, adam.row) if adam is not None and unit == "seconds" else None
    return Bar(name, value, text, None, parts, paper)


def _papers(source: Source, row: Row, adam: Row) -> float | None:
    """The paper's minutes by Adam's there, where the protocol of both is the same."""
    if source.unlike(row) or source.unlike(adam):
        return None
    minutes = [one and one.minutes for one in map(source.of_paper, (row, adam))]
    return minutes[0] / minutes[1] if minutes[0] and minutes[1] else None


def _is_adam(row: Row) -> bool:
    return row.labels[4] == "adam" and row.labels[2] == "none" and "encoder" not in row.labels[3]
