"""Two results folders: what they share, what one alone has, by what they differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from p2lbench.errors import UserError, did_you_mean
from p2lbench.leaderboard import AXES, SuiteInfo, optimised_by, preferred
from p2lbench.rows import Metric
from p2lbench.sidebyside.differences import Difference
from p2lbench.sidebyside.pairs import Pair, pairs
from p2lbench.sidebyside.side import Labels, Side, metrics_of, read
from p2lbench.stats import MARKED_FROM
from p2lbench.store import Store
from p2lbench.suiteinfo import suite_of


@dataclass(frozen=True)
class SideBySide:
    """What a comparison says. `metric`: the one to look at first; None if none is shared.

    `only_images`, `only_rows`: what the first alone has, and the second. `differences`: what the
    suites, and all pairs of rows, differ by.
    """

    folders: tuple[Path, Path]
    suites: tuple[SuiteInfo, SuiteInfo]
    metrics: tuple[Metric, ...]
    metric: str | None
    images: int
    only_images: tuple[tuple[str, ...], tuple[str, ...]]
    only_rows: tuple[tuple[Labels, ...], tuple[Labels, ...]]
    differences: tuple[Difference, ...]
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]

    @property
    def varying(self) -> tuple[int, ...]:
        """The axes on which rows differ; the optimizer always."""
        rows = [*(pair.labels for pair in self.pairs), *self.only_rows[0], *self.only_rows[1]]
        return tuple(k for k in range(len(AXES)) if k == 4 or len({row[k] for row in rows}) > 1)

    def to_json(self) -> dict[str, Any]:
        """The document of `compare --json`."""
        sides = [
            {
                "folder": str(folder),
                "suite": suite.name,
                "only_images": list(images),
                "only_rows": [dict(zip(AXES, row, strict=True)) for row in rows],
            }
            for folder, suite, images, rows in zip(
                self.folders, self.suites, self.only_images, self.only_rows, strict=True
            )
        ]
        return {
            "first": sides[0],
            "second": sides[1],
            "metric": self.metric,
            "images": self.images,
            "differences": [one._asdict() for one in self.differences],
            "rows": [pair.to_json() for pair in self.pairs],
            "notes": list(self.notes),
        }


def compare(first: Store, second: Store, metric: str | None = None) -> SideBySide:
    """Compare what two folders share; `metric`: the one to look at first.

    Raises: StoreError if a folder has no plan or is damaged; UserError for an unknown metric.
    """
    metrics, notes = _metrics(first, second)
    names = [one.name for one in metrics]
    one, other = read(first, names), read(second, names)
    found = pairs(one, other, metrics)
    everywhere = _everywhere(found)
    board = SideBySide(
        folders=(one.folder, other.folder),
        suites=(one.suite, other.suite),
        metrics=tuple(metrics),
        metric=_looked_at(metric, metrics, found, one, other),
        images=len(one.images.keys() & other.images.keys()),
        only_images=(_alone(one, other), _alone(other, one)),
        only_rows=(_rows_alone(one, other), _rows_alone(other, one)),
        differences=(*_suites(one, other), *everywhere),
        pairs=tuple(replace(p, differences=_less(p.differences, everywhere)) for p in found),
        notes=(),
    )
    return replace(board, notes=(*notes, *_notes(board)))


def _metrics(first: Store, second: Store) -> tuple[list[Metric], list[str]]:
    """Those of both, and a note on each that is not computed alike."""
    suite_of(first), suite_of(second)  # says what is wrong with a folder that has no plan
    theirs = {metric.name: metric for metric in metrics_of(second)}
    ours = [metric for metric in metrics_of(first) if metric.name in theirs]
    unlike = [m.name for m in ours if m.protocol != theirs[m.name].protocol]
    notes = [f"{name}: not compared, as it is computed in different ways" for name in unlike]
    return [metric for metric in ours if metric.name not in unlike], notes


def _looked_at(
    wanted: str | None, metrics: Sequence[Metric], found: Sequence[Pair], one: Side, other: Side
) -> str | None:
    """The metric that was asked for, else that on which a table of both would be ranked."""
    names = [metric.name for metric in metrics]
    if wanted is not None and wanted not in names:
        has = ", ".join(names) or "none"
        hint = did_you_mean(wanted, names)
        raise UserError(f"--metric: '{wanted}' is not a metric of both.{hint} Both have: {has}")
    if wanted is not None:
        return wanted
    valued = [name for name in names if any(pair.figures[name] for pair in found)]
    optimised = [optimised_by(side.suite, side.cells) for side in (one, other)]
    order = preferred(valued or names, set[str]().union(*optimised))
    return next(iter(order), None)


def _alone(one: Side, other: Side) -> tuple[str, ...]:
    return tuple(name for content, name in one.images.items() if content not in other.images)


def _rows_alone(one: Side, other: Side) -> tuple[Labels, ...]:
    return tuple(row for row in one.cells if row not in other.cells)


def _suites(one: Side, other: Side) -> Iterator[Difference]:
    """What is not in the ids of cells."""
    if one.suite.repeats != other.suite.repeats:
        yield Difference("repeats", one.suite.repeats, other.suite.repeats)
    for name in dict.fromkeys([*one.environment, *other.environment]):
        ours, theirs = (", ".join(side.environment.get(name, ())) for side in (one, other))
        if ours and theirs and ours != theirs:
            yield Difference(name, ours, theirs)


def _everywhere(found: Sequence[Pair]) -> tuple[Difference, ...]:
    """What all pairs differ by, and in the same way."""
    if not found:
        return ()
    return tuple(d for d in found[0].differences if all(d in p.differences for p in found))


def _less(
    differences: Sequence[Difference], everywhere: Sequence[Difference]
) -> tuple[Difference, ...]:
    return tuple(one for one in differences if one not in everywhere)


def _notes(board: SideBySide) -> Iterator[str]:
    """What must be known to read the figures."""
    if not board.images:
        yield "no image is in both: nothing can be compared"
    elif not board.pairs:
        yield "no row is in both: rows are matched by the names of all five axes"
    if any(d.what == "seed" for d in board.differences):
        yield "the seeds differ: images are paired, starts are not the same"
    counts = {(pair.images, pair.repeats) for pair in board.pairs}
    if len(counts) > 1:
        yield "rows share different images or repeats: do not compare rows with each other"
    missing = sum(sum(pair.missing) for pair in board.pairs)
    if missing:
        left_out = "their images are left out of both, and no test is made of their rows"
        yield f"{missing} shared cells are not ok: {left_out}"
    few = max((pair.images for pair in board.pairs), default=MARKED_FROM)
    if board.pairs and all(_same(pair) for pair in board.pairs):
        yield "all shared cells have the same ids: these are the same runs"
    elif 0 < few < MARKED_FROM:
        yield f"below {MARKED_FROM} images no difference is called significant"


def _same(pair: Pair) -> bool:
    return pair.same > 0 and pair.same >= pair.images * pair.repeats
