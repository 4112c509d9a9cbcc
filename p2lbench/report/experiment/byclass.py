"""Figure 10: the error by class of image, with standard errors, sorted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from p2lbench.experiments.errors import Cells, image_means
from p2lbench.leaderboard import Row, as_text
from p2lbench.report.experiment.kinds import Bar, Bars, Part
from p2lbench.report.experiment.source import Source
from p2lbench.report.text import count, plain

_MOST = 4  # rows that are drawn


def by_class(source: Source) -> list[Part]:
    """A figure for each of the best rows; none where nothing is ranked or no image has a class."""
    board = source.board
    classes = board.suite.groups or board.suite.classes
    if board.ranked_on is None or not classes:
        return []
    rows = [row for row in board.rows if row.complete][:_MOST]
    made = [_bars(source, k, row, classes, len(rows) > 1) for k, row in enumerate(rows)]
    return [bars for bars in made if bars is not None]


def _bars(
    source: Source, k: int, row: Row, classes: Mapping[str, str], several: bool
) -> Bars | None:
    board, metric = source.board, source.board.metric(source.board.ranked_on or "")
    cells = source.errors.of(row.labels, metric.name, "mean")
    members: dict[str, list[str]] = {}
    for image in sorted(row.complete):
        if image in classes:
            members.setdefault(classes[image], []).append(image)
    digits = board.digits(metric.name)
    bars = [_bar(plain(name), cells, images, digits) for name, images in members.items()]
    known = [bar for bar in bars if math.isfinite(bar.value)]
    if not known:
        return None
    left_out = [bar.label for bar in bars if bar not in known]
    missing = f" {len(row.complete)} of {row.planned} images are complete." if row.partial else ""
    missing += f" Without a value: {', '.join(left_out)}." if left_out else ""
    name = source.name_of(row)
    return Bars(
        f"{source.name}-{k + 1}" if several else source.name,
        f"{plain(metric.label)} by class" + (f", {name}" if several else ""),
        f"{name}: mean of the candidates, over the images of a class; whiskers are standard "
        f"errors over images, which a single image has none of.{missing}",
        axis=f"{plain(metric.label)}, {'higher' if metric.higher_is_better else 'lower'} is better",
        bars=sorted(known, key=lambda bar: bar.value, reverse=metric.higher_is_better),
    )


def _bar(name: str, cells: Cells, images: Sequence[str], digits: int) -> Bar:
    values = image_means(cells, images)
    mean = math.fsum(values) / len(values)
    error = standard_error(values)
    text = as_text(mean, digits) + ("" if error is None else f" ± {as_text(error, digits)}")
    return Bar(f"{name} ({len(images)})", mean, f"{name}: {text}, {count(len(images), 'image')}",
               error)  # fmt: skip


def standard_error(values: Sequence[float]) -> float | None:
    """Of the mean; None for one value."""
    if len(values) < 2:
        return None
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1) / len(values))
