"""What rows are to each other: effects against a baseline, ranks' intervals, profiles, the front.

Pure. All of it is on one metric, of the selected candidates, cell by cell: methods share their
starts, so cells of the same image and repeat are pairs. Rows that miss images are compared where
both have the image, and never called better or worse.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from p2lbench.rows import Metric, Row
from p2lbench.standing import Comparison, Standing
from p2lbench.stats import (
    MARKED_FROM,
    Effect,
    Scale,
    Steps,
    detectable,
    effect,
    front,
    holm,
    performance_profiles,
    rank_intervals,
    signed_rank,
    strata_of,
)

LEVEL = 0.05
Cells = Mapping[str, Mapping[int, float]]  # image → repeat → value


def standings(
    rows: Sequence[Row], metric: Metric, baseline: str | None, classes: Mapping[str, str]
) -> list[Standing]:
    """Each row's, on a metric; `classes` of images, where they are known."""
    against = compare(rows, metric, baseline, classes)
    found = ranges(rows, metric, classes), on_front(rows, metric), against, profiles(rows, metric)
    return [Standing(*column) for column in zip(*found, strict=True)]


def compare(
    rows: Sequence[Row], metric: Metric, baseline: str | None, classes: Mapping[str, str]
) -> list[Comparison | None]:
    """For each row its comparison; None for baselines, and where there is none or no value."""
    chosen = [row.chosen(metric.name) for row in rows]
    scale = scale_of(chosen, metric)
    references = {row.labels[:4]: k for k, row in enumerate(rows) if row.labels[4] == baseline}
    pairs = {
        k: references[row.labels[:4]]
        for k, row in enumerate(rows)
        if row.labels[4] != baseline and row.labels[:4] in references
    }
    effects = {k: paired(chosen[k], chosen[of], metric, scale, classes) for k, of in pairs.items()}
    values = [_tested(effects[k], rows[k], rows[of]) for k, of in pairs.items()]
    adjusted = holm([1.0 if value is None else value for value in values])
    found: list[Comparison | None] = [None] * len(rows)
    for k, p, corrected in zip(pairs, values, adjusted, strict=True):
        if (one := effects[k]) is not None:
            found[k] = assessed(one, p, corrected, metric)
    return found


def scale_of(chosen: Sequence[Cells], metric: Metric) -> Scale:
    """Ratios of errors; differences where higher is better or a value is not positive."""
    if metric.higher_is_better:
        return "difference"
    values = (v for row in chosen for repeats in row.values() for v in repeats.values())
    return "difference" if any(value <= 0 for value in values) else "ratio"


def paired(
    row: Cells, reference: Cells, metric: Metric, scale: Scale, classes: Mapping[str, str]
) -> Effect | None:
    """The effect on the images and repeats that both have; None where there is none, or a hole."""
    images = [name for name in row if name in reference]
    cells = [row[name].keys() & reference[name].keys() for name in images]
    repeats = sorted(set.intersection(*map(set, cells))) if cells else []
    if not repeats:
        return None
    ours, theirs = (
        np.array([[one[name][k] for k in repeats] for name in images]) for one in (row, reference)
    )
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        return None
    strata = strata_of([classes.get(name) for name in images])
    return effect(ours, theirs, scale, metric.higher_is_better, strata)


def _tested(one: Effect | None, row: Row, reference: Row) -> float | None:
    if one is None or one.images < MARKED_FROM or row.partial or reference.partial:
        return None
    return signed_rank(one.changes)


def assessed(one: Effect, p: float | None, corrected: float, metric: Metric) -> Comparison:
    """An effect with its test, if one was made, and the mark that both allow."""
    smallest = detectable(one.changes)
    if smallest is not None and one.scale == "ratio":
        smallest = math.exp(-smallest)
    if p is None:
        return Comparison(one, detectable=smallest)
    mark = _direction(one, metric) if corrected < LEVEL else None
    return Comparison(one, p, corrected, mark, smallest)


def _direction(one: Effect, metric: Metric) -> Literal["better", "worse"] | None:
    if one.interval is None:
        return None
    same = 1.0 if one.scale == "ratio" else 0.0
    low, high = one.interval
    if low <= same <= high:
        return None
    return "better" if (low > same) == metric.higher_is_better else "worse"


def ranges(
    rows: Sequence[Row], metric: Metric, classes: Mapping[str, str]
) -> list[tuple[int, int] | None]:
    """For each row the ranks that its mean over images may have; None for rows without a rank."""
    ranked = [k for k, row in enumerate(rows) if row.rank is not None]
    found: list[tuple[int, int] | None] = [None] * len(rows)
    images = list(rows[ranked[0]].cells) if ranked else []
    if len(images) < 2:
        return found
    values = np.array([image_means(rows[k], images, metric.name) for k in ranked]).T[:, None, :]
    strata = strata_of([classes.get(name) for name in images])
    ends = rank_intervals(values, metric.higher_is_better, strata=strata) or []
    for k, (low, high) in zip(ranked, ends, strict=True):
        rank = rows[k].rank or 1  # what prints alike shares a rank, even if it always differs
        found[k] = min(low, rank), max(high, rank)
    return found


def image_means(row: Row, images: Sequence[str], name: str, hole: float = math.nan) -> list[float]:
    """Of the selected candidates, over repeats, for each image.

    `hole` stands for images that the row does not have complete.
    """
    chosen = row.chosen(name)
    return [
        math.fsum(chosen[image].values()) / len(chosen[image]) if image in chosen else hole
        for image in images
    ]


def profiles(rows: Sequence[Row], metric: Metric) -> list[Steps | None]:
    """Each row's performance profile over all images that some row has complete.

    What a row does not have complete it has not solved. None where there is no such image, and
    where ratios say nothing: higher is better, or a value is not positive.
    """
    nothing: list[Steps | None] = [None] * len(rows)
    images = sorted({image for row in rows for image in row.cells})
    if metric.higher_is_better or not images:
        return nothing
    costs = np.array([image_means(row, images, metric.name, math.inf) for row in rows]).T
    costs[np.isnan(costs)] = math.inf  # the metric has no value there, and the notes say why
    if not (costs > 0).all() or not np.isfinite(costs).any():
        return nothing
    return [*performance_profiles(costs)]


def on_front(rows: Sequence[Row], metric: Metric) -> list[bool | None]:
    """Whether no other ranked row has as little error for as few passes, and less of one."""
    sign = -1 if metric.higher_is_better else 1
    points: dict[int, tuple[float, float]] = {}
    for k, row in enumerate(rows):
        value = row.selected[metric.name]
        if row.rank is not None and value is not None and row.passes is not None:
            points[k] = sign * value, row.passes
    marks = dict(zip(points, front(list(points.values())), strict=True))
    return [marks.get(k) for k in range(len(rows))]


def remark(rows: Sequence[Row], metric: Metric, baseline: str | None) -> str | None:
    """What a table has to say of its comparisons; None if it has none."""
    found = [c for row in rows if (c := row.standing.against)]
    if not found:
        return None
    sizes = sorted({c.effect.images for c in found})
    images = f"{sizes[0]} to {sizes[-1]}" if len(sizes) > 1 else str(sizes[0])
    pairs = "1 pair" if len(found) == 1 else f"{len(found)} pairs"
    start = f"against {baseline}, on {metric.label}: {pairs}, {images} images"
    if sizes[-1] >= MARKED_FROM:
        return f"{start}; better and worse: Wilcoxon's test at 5%, Holm's correction over the pairs"
    return f"{start}; below {MARKED_FROM} no difference is called significant{_limits(found)}"


def _limits(found: Sequence[Comparison]) -> str:
    """The smallest effects that the images could have shown."""
    known = [c.detectable for c in found if c.detectable is not None]
    if not known:
        return ""
    ends = dict.fromkeys(f"{value:.2g}" for value in (min(known), max(known)))
    what = f"{found[0].effect.scale}{'s' if len(ends) > 1 else ''}"
    return f"; detectable (5%, power 80%): {what} of {' to '.join(ends)}"
