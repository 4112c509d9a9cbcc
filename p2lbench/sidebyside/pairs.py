"""A row of one folder against the row of that name in the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from p2lbench.comparisons import assessed
from p2lbench.leaderboard import AXES
from p2lbench.rows import CellNumbers, Metric
from p2lbench.sidebyside.differences import Difference, differences
from p2lbench.sidebyside.side import Image, Key, Labels, Side
from p2lbench.standing import Comparison
from p2lbench.stats import (
    MARKED_FROM,
    Array,
    Effect,
    Scale,
    effect,
    holm,
    signed_rank,
    strata_of,
)

_Cells = Mapping[Key, tuple[str, CellNumbers]]
_MEAN, _SELECTED = 0, 2  # lines of `CellNumbers.numbers`


@dataclass(frozen=True)
class Figures:
    """One metric of two rows, each (first, second): the mean over candidates, and selected.
    `effect`: of the second against the first, of selected, per image and repeat."""

    mean: tuple[float, float]
    selected: tuple[float, float]
    effect: Comparison

    def to_json(self) -> dict[str, Any]:
        """For `compare --json`."""
        sides = ("first", "second")
        return {
            "mean": dict(zip(sides, self.mean, strict=True)),
            "selected": dict(zip(sides, self.selected, strict=True)),
            "effect": self.effect.to_json(),
        }


@dataclass(frozen=True)
class Pair:
    """A row that both folders have.

    `images`, `repeats`: what the figures are over; images that are not ok in every shared repeat
    of both are left out. `missing`: shared cells that are not ok, in the first and in the second.
    `only`: cells that one alone has planned. `same`: shared cells of one id: the same run.
    `figures`: by metric; None where a candidate has no value.
    """

    labels: Labels
    images: int
    repeats: int
    missing: tuple[int, int]
    only: tuple[int, int]
    same: int
    differences: tuple[Difference, ...]
    figures: Mapping[str, Figures | None]

    def to_json(self) -> dict[str, Any]:
        """For `compare --json`."""
        sides = ("first", "second")
        return {
            **dict(zip(AXES, self.labels, strict=True)),
            "images": self.images,
            "repeats": self.repeats,
            "missing": dict(zip(sides, self.missing, strict=True)),
            "only": dict(zip(sides, self.only, strict=True)),
            "same_cells": self.same,
            "differences": [one._asdict() for one in self.differences],
            "metrics": {k: None if f is None else f.to_json() for k, f in self.figures.items()},
        }


@dataclass(frozen=True)
class _Shared:
    """What two rows share: `numbers` (2, images, repeats, 5, metrics) of images that are whole."""

    images: tuple[Image, ...]
    repeats: tuple[int, ...]
    numbers: Array
    missing: tuple[int, int]
    same: int


def pairs(first: Side, second: Side, metrics: Sequence[Metric]) -> tuple[Pair, ...]:
    """Every row that both have, in the first's order; tests are corrected over them, by metric."""
    rows = [row for row in first.cells if row in second.cells]
    shared = {row: _shared(first.cells[row], second.cells[row]) for row in rows}
    classes = {content: first.suite.classes.get(name) for content, name in first.images.items()}
    found = {m.name: _figures(shared, k, m, classes) for k, m in enumerate(metrics)}
    return tuple(
        Pair(
            labels=row,
            images=len(shared[row].images),
            repeats=len(shared[row].repeats),
            missing=shared[row].missing,
            only=_alone(first.cells[row], second.cells[row]),
            same=shared[row].same,
            differences=differences(first.decided[row], second.decided[row]),
            figures={metric.name: found[metric.name][row] for metric in metrics},
        )
        for row in rows
    )


def _alone(first: _Cells, second: _Cells) -> tuple[int, int]:
    return len(first.keys() - second.keys()), len(second.keys() - first.keys())


def _shared(first: _Cells, second: _Cells) -> _Shared:
    """Images in the repeats that both have of all of them."""
    keys = [key for key in first if key in second]
    per_image: dict[Image, set[int]] = {}
    for image, repeat in keys:
        per_image.setdefault(image, set()).add(repeat)
    repeats = tuple(sorted(set.intersection(*per_image.values()))) if per_image else ()
    sides = (first, second)
    whole = [
        image
        for image in per_image
        if repeats and all(_ok(cells[image, r]) for cells in sides for r in repeats)
    ]
    missing = [sum(not _ok(cells[key]) for key in keys) for cells in sides]
    values = [[[_numbers(cells[i, r]) for r in repeats] for i in whole] for cells in sides]
    same = sum(first[key][0] == second[key][0] for key in keys)
    return _Shared(tuple(whole), repeats, np.array(values), (missing[0], missing[1]), same)


def _ok(cell: tuple[str, CellNumbers]) -> bool:
    return cell[1].numbers is not None


def _numbers(cell: tuple[str, CellNumbers]) -> Array:
    numbers = cell[1].numbers
    if numbers is None:
        raise ValueError("a cell that is not ok has no numbers")
    return numbers


def _figures(
    shared: Mapping[Labels, _Shared],
    column: int,
    metric: Metric,
    classes: Mapping[Image, str | None],
) -> dict[Labels, Figures | None]:
    """One metric of all pairs of rows; a row's None: some candidate has no value."""
    usable = {
        row: found.numbers[..., column]
        for row, found in shared.items()
        if found.images and np.isfinite(found.numbers[..., (_MEAN, _SELECTED), column]).all()
    }
    chosen = {row: numbers[..., _SELECTED] for row, numbers in usable.items()}
    scale = _scale(list(chosen.values()), metric)
    effects = {
        row: _effect(numbers, shared[row].images, metric, scale, classes)
        for row, numbers in chosen.items()
    }
    values = [_tested(effects.get(row), shared[row]) for row in shared]
    adjusted = holm([1.0 if value is None else value for value in values])
    compared = {
        row: assessed(effects[row], p, corrected, metric)
        for row, p, corrected in zip(shared, values, adjusted, strict=True)
        if row in effects
    }
    return {row: _numbered(usable.get(row), compared.get(row)) for row in shared}


def _numbered(numbers: Array | None, compared: Comparison | None) -> Figures | None:
    """`numbers` (2, images, repeats, 5)."""
    if numbers is None or compared is None:
        return None
    first, second = numbers.mean(axis=(1, 2)).tolist()
    return Figures((first[_MEAN], second[_MEAN]), (first[_SELECTED], second[_SELECTED]), compared)


def _effect(
    chosen: Array,
    images: Sequence[Image],
    metric: Metric,
    scale: Scale,
    classes: Mapping[Image, str | None],
) -> Effect:
    """Of the second against the first; `chosen` (2, images, repeats)."""
    strata = strata_of([classes.get(image) for image in images])
    first, second = chosen
    return effect(second, first, scale, metric.higher_is_better, strata)


def _scale(chosen: Sequence[Array], metric: Metric) -> Scale:
    """One for all rows, so that they can be read below each other."""
    positive = all((values > 0).all() for values in chosen)
    return "ratio" if positive and not metric.higher_is_better else "difference"


def _tested(one: Effect | None, shared: _Shared) -> float | None:
    """No test where images are few, or some had to be left out."""
    if one is None or one.images < MARKED_FROM or any(shared.missing):
        return None
    return signed_rank(one.changes)
