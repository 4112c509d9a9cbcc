"""How well a table's images tell its rows apart. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from p2lbench.comparisons import image_means
from p2lbench.rows import Metric, Row
from p2lbench.stats import Discrimination, discrimination, strata_of

SAID_FROM = 3  # rows; of two, their comparison says it


@dataclass(frozen=True)
class Telling:
    """Of the ranked rows, by the means that they are ranked by.

    `ties`: the share of pairs of rows that share a rank. `open_pairs`: of those whose order chance
    could explain, as their intervals of ranks have it.
    """

    metric: Metric
    rows: int
    images: int
    found: Discrimination
    ties: float
    open_pairs: float

    def to_json(self) -> dict[str, Any]:
        """`discrimination` in `leaderboard --json`."""
        told = {"metric": self.metric.name, "rows": self.rows, "images": self.images}
        return {**told, **vars(self.found), "ties": self.ties, "open": self.open_pairs}

    def note(self) -> str:
        """One line."""
        found = self.found
        sure = "" if found.reliability is None else f"reliability {found.reliability:.2f}, "
        return (
            f"how well {self.images} images tell {self.rows} rows apart, on {self.metric.label}: "
            f"{sure}stability of the ranking (Kendall's tau) {found.stability:.2f}; "
            f"chance could explain the order of {self.open_pairs:.0%} of the pairs"
        )


def telling(rows: Sequence[Row], metric: Metric, classes: Mapping[str, str]) -> Telling | None:
    """None below two ranked rows or two images; `classes` of images, where they are known."""
    ranked = [row for row in rows if row.rank is not None]
    images = list(ranked[0].cells) if ranked else []
    values = np.array([image_means(row, images, metric.name) for row in ranked]).T
    if len(ranked) < 2 or len(images) < 2:
        return None
    signed = -values if metric.higher_is_better else values
    found = discrimination(signed, strata_of([classes.get(name) for name in images]))
    if found is None:
        return None
    pairs = math.comb(len(ranked), 2)
    tied = sum(math.comb(n, 2) for n in Counter(row.rank for row in ranked).values())
    widths = [high - low for row in ranked for low, high in [row.standing.ranks or (0, 0)]]
    undecided = sum(widths) / len(ranked) / (len(ranked) - 1)
    return Telling(metric, len(ranked), len(images), found, tied / pairs, undecided)
