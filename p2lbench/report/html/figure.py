"""What a figure of the report is made of. The page's script draws it; a table says the same.

To add one: write a function from `Source` to a `Figure`, or None where there is nothing to show,
and name it in `figures.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from p2lbench.leaderboard import Leaderboard
from p2lbench.report.html.cells import Found


@dataclass(frozen=True)
class Source:
    """What figures are drawn from."""

    board: Leaderboard
    found: Found


@dataclass(frozen=True)
class Series:
    """What is drawn for a row of the leaderboard (None: for no row alone).

    `texts`: of each point, as a pointer over it shows them. `kind`: steps that hold a value until
    the next, a line, or points. `faint`: a lesser line of the same row. `strong`: a point that
    stands out.
    """

    row: int | None
    x: Sequence[float]
    y: Sequence[float]
    texts: Sequence[str] = ()
    kind: Literal["steps", "line", "points"] = "line"
    faint: bool = False
    strong: bool = False
    label: str = ""

    def plain(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "row": self.row,
            "x": short(self.x),
            "y": short(self.y),
            "texts": list(self.texts),
            "kind": self.kind,
            "faint": self.faint,
            "strong": self.strong,
            "label": self.label,
        }


@dataclass(frozen=True)
class Table:
    """The same in numbers: a line per row, its name first."""

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class View:
    """One way to look at a figure; `x`, `y`: the axes' titles, `logs`: which are logarithmic.

    `zero`: whether x begins at 0 where it is not logarithmic. `share`: y goes from 0 to 100%.
    """

    name: str
    x: str
    y: str
    series: Sequence[Series]
    table: Table
    logs: str = ""
    zero: bool = False
    share: bool = False

    def plain(self) -> dict[str, Any]:
        """JSON-ready."""
        series = [one.plain() for one in self.series]
        titles = {"name": self.name, "x": self.x, "y": self.y}
        axes = {"logs": self.logs, "zero": self.zero, "share": self.share}
        return {**titles, **axes, "series": series}


@dataclass(frozen=True)
class Figure:
    """A figure with its views; `key` is its place in the page's addresses."""

    key: str
    title: str
    caption: str
    views: Sequence[View] = field(default_factory=tuple)


def short(values: Sequence[float]) -> list[float]:
    """Six digits are more than a screen shows."""
    return [float(f"{value:.6g}") for value in np.asarray(values, dtype=np.float64)]
