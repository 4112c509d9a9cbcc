"""Records → ranked table. Pure.

What counts, in one place:

- A row's numbers are over its *complete* images: those whose every planned repeat is `ok`. Where
  rows cover different images, the notes say so, and rows that cover fewer than the others are
  ranked behind them and never marked as best.
- A metric has a value in a row only if every candidate of all those cells has one; otherwise it is
  null and a note says why. Nothing is averaged around a hole.
- `selected` is each cell's candidate of lowest objective; `best` the minimum of each metric over
  the candidates by itself (the paper's; an oracle).
- Rows are ranked by `selected` on a metric that no row optimised, perceptual ones first.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from p2lbench.bestofk import curves
from p2lbench.breakdown import by_class
from p2lbench.comparisons import remark, standings
from p2lbench.record import DIAGNOSTICS, Record
from p2lbench.reference.told import told_of
from p2lbench.rows import (
    ENVIRONMENT,
    STATISTICS,
    CellNumbers,
    Metric,
    Row,
    Statistic,
    make_row,
    reduce,
)
from p2lbench.runtimes import Runs
from p2lbench.stats import Steps
from p2lbench.store import PlanRow, Store
from p2lbench.suiteinfo import SuiteInfo, suite_of
from p2lbench.telling import SAID_FROM, Telling, telling

__all__ = [
    "AXES",
    "STATISTICS",
    "Leaderboard",
    "Metric",
    "Row",
    "Statistic",
    "SuiteInfo",
    "as_text",
    "build",
    "decimals",
    "load",
]

AXES = ("generator", "loss", "transform", "init", "optimizer")
CURVE_POINTS = 200  # of a profile in the JSON document
# The same quantity up to a monotonic map: who optimises one has optimised the others.
_ALIKE = ({"l1", "mae"}, {"l2", "mse", "psnr"})


@dataclass(frozen=True)
class Leaderboard:
    """A ranked table. `ranked_on`: the metric; `optimised`: metrics that some row's loss decides.

    `notes` are about the whole table, `Row.notes` about one row. `telling`: how well the images
    tell the ranked rows apart.
    """

    suite: SuiteInfo
    metrics: tuple[Metric, ...]
    rows: tuple[Row, ...]
    ranked_on: str | None
    optimised: frozenset[str]
    notes: tuple[str, ...]
    telling: Telling | None = None

    @property
    def held_out(self) -> bool:
        """Whether the ranking is on a metric that no row optimised."""
        return self.ranked_on is not None and self.ranked_on not in self.optimised

    @property
    def varying(self) -> tuple[int, ...]:
        """The axes on which rows differ, as indices into `Row.labels`; the optimizer always."""
        axes = range(len(AXES))
        return tuple(k for k in axes if k == 4 or len({row.labels[k] for row in self.rows}) > 1)

    @property
    def shows_settings(self) -> bool:
        """Whether rows should say how their options were chosen: some row's were, on purpose."""
        return any(row.settings in ("tuned", "paper") for row in self.rows)

    @property
    def diagnostics(self) -> tuple[str, ...]:
        """Those that some row has."""
        return tuple(name for name in DIAGNOSTICS if any(name in r.diagnostics for r in self.rows))

    @property
    def shows_diagnostics(self) -> bool:
        """Whether they matter here: a transform was used, or the classes to start from differ."""
        told = {"coverage", "placement", "gap"} & {*self.diagnostics}
        return bool(told or (self.diagnostics and AXES.index("init") in self.varying))

    @property
    def shows_effects(self) -> bool:
        """Whether some row is compared to its baseline."""
        return any(row.standing.against for row in self.rows)

    @property
    def shows_targets(self) -> bool:
        """Whether some row has targets."""
        return any(row.runtimes is not None for row in self.rows)

    def metric(self, name: str) -> Metric:
        """The column of that name. Raises: KeyError."""
        return {metric.name: metric for metric in self.metrics}[name]

    def digits(self, metric: str) -> int:
        """Decimals to print a metric with, the same for all its statistics."""
        return decimals(row.value(kind, metric) for row in self.rows for kind in STATISTICS)

    def places(self, statistic: Statistic, metric: str) -> dict[int, int]:
        """Row index → place (1: best) among comparable rows; equal as printed is a tie."""
        values = {k: row.value(statistic, metric) for k, row in enumerate(self.rows)}
        digits = self.digits(metric)
        shown = {
            k: float(as_text(value, digits))
            for k, value in values.items()
            if value is not None and self.rows[k].comparable
        }
        order = sorted(set(shown.values()), reverse=self.metric(metric).higher_is_better)
        return {k: order.index(value) + 1 for k, value in shown.items()}

    def told(self, row: Row) -> dict[str, Any] | None:
        """What is told of a row that comes from a reference; None of one that was run here."""
        return told_of(self.suite.reference, row.labels)

    def to_json(self) -> dict[str, Any]:
        """The document of `leaderboard --json`; table-wide notes stand in every row's."""
        targets = self.suite.targets
        return {
            "suite": self.suite.name,
            "candidates": self.suite.candidates,
            "ranked_on": self.ranked_on,
            "baseline": self.suite.baseline if self.shows_effects else None,
            "targets": None
            if targets is None
            else {"sha256": targets.sha256, "levels": targets.levels},
            "discrimination": None if self.telling is None else self.telling.to_json(),
            "rows": [self._row_json(row) for row in self.rows],
        }

    def _row_json(self, row: Row) -> dict[str, Any]:
        standing = row.standing
        return {
            **dict(zip(AXES, row.labels, strict=True)),
            "settings": row.settings,
            "reference": self.told(row),
            "rank": row.rank,
            "ranks": None if standing.ranks is None else list(standing.ranks),
            "pareto": standing.on_front,
            "effect": None if standing.against is None else standing.against.to_json(),
            "images": len(row.complete),
            "mean": dict(row.mean),
            "best": dict(row.best),
            "selected": dict(row.selected),
            "best_of_k": None if row.best_of_k is None else asdict(row.best_of_k),
            "ci": {name: None if ends is None else list(ends) for name, ends in row.ci.items()},
            "frames": {"aligned": dict(row.aligned), "unmasked": dict(row.unmasked)},
            "diagnostics": {
                "mean": {name: mean for name, (mean, _) in row.diagnostics.items()},
                "selected": {name: chosen for name, (_, chosen) in row.diagnostics.items()},
            },
            "classes": {name: asdict(found) for name, found in row.classes.items()},
            "profile": None if standing.profile is None else _profile(standing.profile),
            "targets": None if row.runtimes is None else row.runtimes.to_json(CURVE_POINTS),
            "passes": row.passes,
            "seconds": row.seconds,
            "missing": row.missing,
            "notes": [*row.notes, *self.notes],
        }


def load(store: Store) -> Leaderboard:
    """The leaderboard of a results folder. Raises: StoreError if no run got as far as planning."""
    suite, metrics = suite_of(store), [Metric.read(each) for each in store.metrics()]
    return build(store.records(traces=suite.targets is not None), metrics, suite)


def build(
    cells: Iterable[tuple[PlanRow, Record | None]], metrics: Sequence[Metric], suite: SuiteInfo
) -> Leaderboard:
    """Ranks the planned cells' records (None: not run yet; with traces, where the suite has
    targets). `cells` is gone through once.

    Raises: KeyError if `suite.losses` lacks a row's loss.
    """
    names = [metric.name for metric in metrics]
    methods: dict[tuple[str, str, str, str, str], list[CellNumbers]] = {}
    runs = None if suite.targets is None else Runs(suite.targets)
    for planned, record in cells:
        methods.setdefault(planned.row, []).append(reduce(planned, record, metrics))
        if runs is not None:
            runs.add(planned, record)
    made = [_made(labels, found, metrics, suite) for labels, found in methods.items()]
    times = {} if runs is None else runs.runtimes({row.labels: row.complete for row in made})
    rows = _comparable([replace(row, runtimes=times.get(row.labels)) for row in made])
    optimised = optimised_by(suite, [row.labels for row in rows])
    ranked_on = _ranking_metric(rows, names, optimised)
    everything = [cell for found in methods.values() for cell in found]
    board = Leaderboard(
        suite=suite,
        metrics=tuple(metrics),
        rows=tuple(rows),
        ranked_on=ranked_on,
        optimised=frozenset(name for name in names if name in optimised),
        notes=(),
    )
    ranked = _ranked(board)
    return replace(ranked, notes=_board_notes(ranked, everything))


def _made(
    labels: tuple[str, str, str, str, str],
    cells: Sequence[CellNumbers],
    metrics: Sequence[Metric],
    suite: SuiteInfo,
) -> Row:
    names = [metric.name for metric in metrics]
    row = make_row(labels, cells, names)
    used = [cell for cell in cells if cell.image in row.complete]
    return replace(
        row,
        settings=suite.settings.get(labels[4]),
        best_of_k=curves(used, metrics, labels in suite.uncoupled),
        classes=by_class(used, names, suite.classes),
    )


def _profile(steps: Steps) -> dict[str, list[float]]:
    thin = steps.thinned(CURVE_POINTS)
    return {"ratio": list(thin.at), "share": list(thin.share)}


def decimals(values: Iterable[float | None]) -> int:
    """Decimals that show three digits of a column's smallest value: 2 to 4 of them."""
    sizes = [abs(value) for value in values if value]
    return min(4, max(2, 2 - math.floor(math.log10(min(sizes))))) if sizes else 2


def as_text(value: float, digits: int) -> str:
    """A number as tables print it; what the decimals cannot show becomes scientific."""
    if value != 0 and not 10.0 ** (1 - digits) <= abs(value) < 1e6:
        return f"{value:.1e}"
    return f"{value:.{digits}f}"


def _comparable(rows: Sequence[Row]) -> list[Row]:
    """Marks the rows that cover the largest set of images, the commonest if there are several."""
    sets = Counter(row.complete for row in rows if row.complete)
    reference = max(sets, key=lambda found: (len(found), sets[found]), default=None)
    return [replace(row, comparable=row.complete == reference) for row in rows]


def _optimised(terms: Iterable[str]) -> set[str]:
    """A loss's terms, and the metrics that follow from them."""
    found = set(terms)
    return found.union(*(alike for alike in _ALIKE if alike & found))


def _ranking_metric(rows: Sequence[Row], names: Sequence[str], optimised: set[str]) -> str | None:
    ranking = [row for row in rows if row.comparable]
    usable = [n for n in names if ranking and all(row.selected[n] is not None for row in ranking)]
    return next(iter(preferred(usable, optimised)), None)


def preferred(names: Iterable[str], optimised: Collection[str]) -> list[str]:
    """Metrics in the order in which tables are ranked on them: held-out ones first."""
    return sorted(names, key=lambda name: (name in optimised, _preference(name)))


def optimised_by(suite: SuiteInfo, rows: Iterable[Sequence[str]]) -> set[str]:
    """The metrics that the losses of some rows decide, or that options were chosen by, here or
    where rows of a reference are from.

    Raises: KeyError if `suite.losses` lacks a row's loss.
    """
    tuned_on = (suite.tuned_on, suite.reference and suite.reference.tuned_on)
    chosen_by = [suite.losses[loss] for loss in {row[1] for row in rows}]
    chosen_by += [(name,) for name in tuned_on if name]
    return {name for names in chosen_by for name in _optimised(names)}


def _preference(name: str) -> int:
    """Perceptual metrics that were held out on purpose first."""
    return 0 if "heldout" in name else 1 if name.startswith("lpips") else 2


def _ranked(board: Leaderboard) -> Leaderboard:
    name = board.ranked_on
    if name is None:
        return board
    sign = -1 if board.metric(name).higher_is_better else 1
    places = board.places("selected", name)
    rows = [
        replace(row, rank=None if k not in places else 1 + _better(places, k))
        for k, row in enumerate(board.rows)
    ]

    def key(row: Row) -> tuple[float, int, float]:
        value = row.selected[name]
        number = math.inf if value is None else sign * value
        return (math.inf if row.rank is None else row.rank, -len(row.complete), number)

    metric, suite = board.metric(name), board.suite
    ordered = _standing(sorted(rows, key=key), metric, suite)
    return replace(board, rows=ordered, telling=telling(ordered, metric, suite.classes))


def _standing(rows: Sequence[Row], metric: Metric, suite: SuiteInfo) -> tuple[Row, ...]:
    found = standings(rows, metric, suite.baseline, suite.classes)
    return tuple(replace(row, standing=one) for row, one in zip(rows, found, strict=True))


def _better(places: Mapping[int, int], k: int) -> int:
    return sum(place < places[k] for place in places.values())


def _uneven(rows: Sequence[Row]) -> Iterable[str]:
    """Tuned rows beside rows that were not: more effort went into some than into others."""
    others = dict.fromkeys(row.labels[4] for row in rows if row.settings != "tuned")
    if others and any(row.settings == "tuned" for row in rows):
        yield f"not tuned, unlike the other rows: {', '.join(others)}"


def _board_notes(board: Leaderboard, cells: Sequence[CellNumbers]) -> tuple[str, ...]:
    stored = board.suite.reference
    notes = [*board.suite.notes, *_uneven(board.rows), *(stored.notes() if stored else ())]
    if board.ranked_on is not None and not board.held_out:
        notes.append(
            f"ranked on an optimised metric ({board.ranked_on}): no held-out one has values"
        )
    if board.telling is not None and board.telling.rows >= SAID_FROM:
        notes.append(board.telling.note())
    if board.ranked_on is not None:
        said = remark(board.rows, board.metric(board.ranked_on), board.suite.baseline)
        notes += [said] if said else []
    if any(not row.comparable for row in board.rows):
        notes.append(
            "rows cover different images: those with fewer are listed last, not ranked or marked"
        )
    missing = dict.fromkeys(pair for cell in cells for pair in cell.missing.items())
    notes += [f"{name}: {why}" for name, why in missing]
    environments = [dict(pairs) for pairs in {cell.environment for cell in cells}]
    for key in ENVIRONMENT:
        found = {environment[key] for environment in environments if key in environment}
        if len(found) > 1:
            notes.append(f"cells differ in {key}: {', '.join(sorted(found))}")
    return tuple(dict.fromkeys(notes))
