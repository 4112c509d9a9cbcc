"""Which rows a claim is about, told by what differs between the two."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from p2lbench.experiments.model import Entry, Pairs

Label = str | re.Pattern[str] | None
_AXES = {"transform": 2, "init": 3, "optimizer": 4}
_GIVEN = (0, 1)  # generator and loss are always the same


@dataclass(frozen=True)
class Side:
    """The rows on one side, by their names; None: whatever the row on the other side has."""

    optimizer: Label = None
    transform: Label = None
    init: Label = None

    def has(self, entry: Entry) -> bool:
        """Whether a row is one of them."""
        return all(_fits(getattr(self, axis), entry.labels[k]) for axis, k in _AXES.items())


def against(better: Side, worse: Side) -> Pairs:
    """All pairs of rows of the two sides that are the same on every axis which neither names."""
    shared = [
        *_GIVEN,
        *(k for axis, k in _AXES.items() if not (getattr(better, axis) or getattr(worse, axis))),
    ]

    def pairs(entries: Sequence[Entry]) -> Iterator[tuple[int, int]]:
        for i, one in enumerate(entries):
            for j, other in enumerate(entries):
                same = all(one.labels[k] == other.labels[k] for k in shared)
                if i != j and same and better.has(one) and worse.has(other):
                    yield i, j

    return pairs


def _fits(wanted: Label, name: str) -> bool:
    if isinstance(wanted, re.Pattern):
        return wanted.fullmatch(name) is not None
    return wanted is None or wanted == name
