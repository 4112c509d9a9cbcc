"""What an audit found: values compared, differences, and what could not be verified."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from p2lbench.plan import PlanRow

FLOOR = 0.01  # what a deviation is relative to, at least: values near 0 have no digits to lose
DECIBEL = 10 / math.log(10)  # so many dB is a change by all of what is measured


@dataclass(frozen=True)
class Where:
    """A planned cell; None throughout: the folder as a whole."""

    cell: str | None = None
    row: tuple[str, ...] | None = None
    image: str | None = None
    repeat: int | None = None

    @classmethod
    def of(cls, row: PlanRow) -> Where:
        """A row of the plan."""
        return cls(row.cell, row.row, row.image, row.repeat)


@dataclass(frozen=True)
class Difference:
    """`stored` is not what was `recomputed`; `deviation`: relative, for numbers."""

    where: Where
    what: str
    stored: Any
    recomputed: Any
    deviation: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As `verify --json` has it."""
        own = {key: value for key, value in vars(self).items() if key != "where"}
        return {**asdict(self.where), **own}


@dataclass(frozen=True)
class Unverifiable:
    """Something that cannot be recomputed here, in so many cells, and why."""

    where: Where
    what: str
    reason: str
    cells: int = 1

    def to_json(self) -> dict[str, Any]:
        """As `verify --json` has it."""
        own = {key: value for key, value in vars(self).items() if key != "where"}
        return {**asdict(self.where), **own}


@dataclass
class Findings:
    """All that was found. `remarks`: what a reader should know, though nothing is wrong.

    `cells`: `planned`; `verified`, whose every value was recomputed and agrees; `differ`;
    `unverifiable`, in part or altogether; `without_points`, which failed or were skipped;
    `missing`, not run yet; `not_drawn`, left out by the sample.
    """

    tolerance: float
    differences: list[Difference] = field(default_factory=list)
    unverifiable: list[Unverifiable] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    compared: int = 0
    bitwise: int = 0
    largest: Difference | None = None
    cells: dict[str, int] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Nothing differs, and there was nothing that could not be verified."""
        return not self.differences and not self.unverifiable

    def differ(self, where: Where, what: str, stored: Any, recomputed: Any) -> None:
        """Something other than a number differs."""
        self.differences.append(Difference(where, what, stored, recomputed))

    def remark(self, text: str) -> None:
        """Say something, once."""
        if text not in self.remarks:
            self.remarks.append(text)

    def number(
        self, where: Where, what: str, stored: Any, recomputed: float | None, floor: float = FLOOR
    ) -> None:
        """Compare a stored number (None: not finite) with the recomputed one.

        They agree if they differ by no more than tolerance · (|stored| + floor).
        """
        self.compared += 1
        if _same(stored, recomputed):
            self.bitwise += 1
            return
        apart = deviation(stored, recomputed, floor)
        found = Difference(where, what, stored, recomputed, apart)
        if apart is None or apart > self.tolerance:
            self.differences.append(found)
        if apart is not None and apart > ((self.largest and self.largest.deviation) or 0):
            self.largest = found

    def to_json(self) -> dict[str, Any]:
        """The document of `verify --json`, without the folder."""
        return {
            "cells": self.cells,
            "values": {
                "compared": self.compared,
                "bitwise": self.bitwise,
                "largest": None if self.largest is None else self.largest.to_json(),
            },
            "tolerance": self.tolerance,
            "differences": [each.to_json() for each in self.differences],
            "unverifiable": [each.to_json() for each in self.unverifiable],
            "remarks": self.remarks,
        }


def deviation(stored: Any, recomputed: float | None, floor: float) -> float | None:
    """|stored - recomputed| / (|stored| + floor); None unless both are numbers."""
    if not is_number(stored) or recomputed is None:
        return None
    return float(abs(stored - recomputed) / (abs(stored) + floor))


def is_number(value: Any) -> bool:
    """A finite number, which a database need not have where one is expected."""
    kind = isinstance(value, (int, float)) and not isinstance(value, bool)
    return kind and math.isfinite(value)


def _same(stored: Any, recomputed: float | None) -> bool:
    if stored is None or recomputed is None:
        return stored is recomputed
    return is_number(stored) and stored == recomputed
