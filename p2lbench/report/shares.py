"""Shares of problems solved, as curves to draw: performance profiles, and passes to targets."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from p2lbench.folder import explained
from p2lbench.leaderboard import Leaderboard, Row
from p2lbench.report.curves import MAX_CURVES, MAX_PANELS, style
from p2lbench.report.text import shorten
from p2lbench.stats import Array, Steps

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 400
_FACTOR = 1000.0  # of the best, shown at most


@dataclass(frozen=True)
class Share:
    """One row, the `row`-th of the board: from `x[k]` on its share is `share[k]`, (points,) each.

    Begins where the chart begins and ends where it ends.
    """

    row: int
    label: str
    x: Array
    share: Array


@dataclass(frozen=True)
class Chart:
    """Curves that compare; the x axis is logarithmic. `note`: what a reader must know."""

    title: str
    x_label: str
    y_label: str
    curves: tuple[Share, ...]
    note: str = ""


def runtime_charts(board: Leaderboard) -> list[Chart]:
    """A chart for each set of targets: the share of (image, repeat, target) reached, by passes."""
    charts = []
    for rows in _by_objective(board):
        found = {k: one.ecdf for k in rows if (one := board.rows[k].runtimes)}
        end = 1.1 * max((s.at[-1] for s in found.values() if s.at), default=10.0)
        charts.append(
            Chart(
                _objective(board, rows[0]),
                "generator passes per cell (all candidates)",
                "share of targets reached",
                _shares(board, found, end),
                _untraced(board, rows),
            )
        )
    return charts


def profile_charts(board: Leaderboard) -> list[Chart]:
    """Performance profiles: of the error that the table is ranked on, of passes where there are
    targets."""
    charts = []
    errors = {k: p for k, row in enumerate(board.rows) if (p := row.standing.profile)}
    if errors and board.ranked_on is not None:
        label = board.metric(board.ranked_on).label
        x = f"{label} of the selected candidate, in units of the least of all rows"
        curves = _shares(board, errors, _end(errors.values()))
        charts.append(Chart(f"error: {label}", x, "share of images", curves))
    for rows in _by_objective(board):
        passes = {k: one.profile for k in rows if (one := board.rows[k].runtimes)}
        x = "passes to a target, in units of the fewest of all rows"
        title = f"passes: {_objective(board, rows[0])}"
        curves = _shares(board, passes, _end(passes.values()))
        charts.append(Chart(title, x, "share of targets", curves, _untraced(board, rows)))
    return charts


def draw_runtimes(path: Path, board: Leaderboard) -> Path:
    """Writes `runtime_charts`, as PNG or PDF by the path's suffix, the first MAX_PANELS of them.

    Raises: StoreError if it cannot be written; ValueError for another suffix, or without charts.
    """
    levels = 0 if board.suite.targets is None else board.suite.targets.levels
    title = f"{board.suite.name}: passes to {levels} targets per image"
    return _draw(path, title, runtime_charts(board))


def draw_profiles(path: Path, board: Leaderboard) -> Path:
    """Writes `profile_charts`. Raises: as `draw_runtimes`."""
    return _draw(path, f"{board.suite.name}: performance profiles", profile_charts(board))


def _by_objective(board: Leaderboard) -> list[list[int]]:
    """Indices of the rows that share targets."""
    targets = board.suite.targets
    numbers = {} if targets is None else {one.row: one.objective for one in targets.rows}
    groups: dict[int, list[int]] = {}
    for k, row in enumerate(board.rows):
        if row.runtimes is not None:
            groups.setdefault(numbers[row.labels], []).append(k)
    return [groups[number] for number in sorted(groups)]


def _objective(board: Leaderboard, k: int) -> str:
    generator, loss, *_ = board.rows[k].labels
    return f"generator {generator} · objective {loss}"


def _untraced(board: Leaderboard, rows: Sequence[int]) -> str:
    found = [one for k in rows if (one := board.rows[k].runtimes) and not one.traced]
    return "with a transform or a mask: known at the end of a cell alone" if found else ""


def _end(profiles: Iterable[Steps]) -> float:
    """The largest ratio to show."""
    largest = max((x for steps in profiles for x in steps.at[-1:]), default=1.0)
    return min(_FACTOR, max(2.0, 1.05 * largest))


def _shares(board: Leaderboard, found: dict[int, Steps], end: float) -> tuple[Share, ...]:
    return tuple(
        Share(k, _label(board, board.rows[k]), *_drawn(steps.thinned(_POINTS), end))
        for k, steps in found.items()
    )


def _drawn(steps: Steps, end: float) -> tuple[Array, Array]:
    """From 1 to `end`, both included."""
    kept = [(x, share) for x, share in zip(steps.at, steps.share, strict=True) if 1 < x < end]
    ends = [(1.0, steps.value(1.0)), *kept, (end, steps.value(end))]
    x, share = np.array(ends).T
    return x, share


def _label(board: Leaderboard, row: Row) -> str:
    return " · ".join(row.labels[k] for k in reversed(board.varying))


def _draw(path: Path, title: str, charts: Sequence[Chart]) -> Path:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not charts:
        raise ValueError("nothing to draw")
    shown = charts[:MAX_PANELS]
    with matplotlib.rc_context(), warnings.catch_warnings(), explained(path.parent):
        matplotlib.rcdefaults()
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in a script DejaVu lacks
        figure = Figure(figsize=(8.4, 0.8 + 4.0 * len(shown)), layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(shorten(title, 90), fontsize=12, fontweight="bold", parse_math=False)
        for k, chart in enumerate(shown):
            _draw_chart(figure.add_subplot(len(shown), 1, k + 1), chart)
        undated = {"CreationDate": None} if path.suffix == ".pdf" else {"Software": None}
        figure.savefig(path, dpi=150, metadata=undated)
    return path


def _log_axis(axes: Axes, end: float) -> None:
    """From 1 to `end`; 2,000 rather than 2×10^3, and enough of them below a decade."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.set_xlim(1, end)
    axes.xaxis.set_major_locator(LogLocator(subs=(1,) if end > 30 else (1, 1.5, 2, 3, 5, 7)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _draw_chart(axes: Axes, chart: Chart) -> None:
    from matplotlib.ticker import PercentFormatter

    # What ends highest stands on top of the legend.
    best = sorted(chart.curves, key=lambda curve: (-curve.share[-1], -curve.share.mean()))
    order = best[:MAX_CURVES]
    handles = [
        axes.plot(c.x, c.share, drawstyle="steps-post", linewidth=1.8, **style(c.row))[0]
        for c in order
    ]
    _log_axis(axes, max((c.x[-1] for c in order), default=10.0))
    axes.set_ylim(-0.02, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel(chart.x_label + (f"\n({chart.note})" if chart.note else ""))
    axes.set_ylabel(chart.y_label)
    axes.set_title(shorten(chart.title, 90), fontsize=10, loc="left", parse_math=False)
    axes.grid(True, which="major", color="#dddddd", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    # Real names come after: matplotlib would drop those that start with an underscore.
    legend = axes.legend(
        handles,
        [f"{k}" for k in range(len(handles))],
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        frameon=False,
    )
    for text, curve in zip(legend.get_texts(), order, strict=True):
        text.set_parse_math(False)
        text.set_text(shorten(curve.label, 34))
