"""What tuning tried: a line of panels per method, its scores by trial and by each option."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2lbench.folder import explained
from p2lbench.report.text import shorten
from p2lbench.tunable import Range, Tunable
from p2lbench.tuning.choose import Choice, Measure, TrialScore

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_METHODS = 12
MAX_OPTIONS = 4
_TRIED, _WINNER, _LOST, _WRITTEN = "#0072B2", "#D55E00", "#999999", "#555555"


def draw(path: Path, title: str, choices: Sequence[Choice], measure: Measure) -> Path:
    """Writes the picture as PNG: the first MAX_METHODS methods and MAX_OPTIONS of their options.

    Raises: StoreError.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [choice for choice in choices if choice.scores][:MAX_METHODS]
    columns = 1 + min(MAX_OPTIONS, max(len(choice.tuned.space) for choice in shown))
    with matplotlib.rc_context(), warnings.catch_warnings(), explained(path.parent):
        matplotlib.rcdefaults()
        warnings.filterwarnings("ignore", "Glyph .* missing")
        size = (1.0 + 3.1 * columns, 1.1 + 2.3 * len(shown))
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(shorten(title, 100), fontsize=12, fontweight="bold", parse_math=False)
        for k, choice in enumerate(shown):
            first = figure.add_subplot(len(shown), columns, k * columns + 1)
            _by_trial(first, choice, measure)
            for j, name in enumerate(list(choice.tuned.space)[: columns - 1]):
                axes = figure.add_subplot(len(shown), columns, k * columns + 2 + j, sharey=first)
                _by_option(axes, choice, name)
        figure.legend(*_legend(), loc="outside lower center", ncols=4, frameon=False, fontsize=9)
        figure.savefig(path, dpi=150, metadata={"Software": None})
    return path


def _by_trial(axes: Axes, choice: Choice, measure: Measure) -> None:
    """Scores in the order of the trials, and the best so far."""
    best, so_far = None, []
    for score in choice.scores:
        values = [value for value in (best, score.score) if value is not None]
        best = (max(values) if measure.higher_is_better else min(values)) if values else None
        so_far.append(float("nan") if best is None else best)
    axes.plot(range(len(so_far)), so_far, drawstyle="steps-post", color="#bbbbbb", linewidth=1.4)
    for score in choice.scores:
        _point(axes, choice, score, score.trial.number)
    axes.set_title(shorten(choice.tuned.label, 34), fontsize=10, loc="left", parse_math=False)
    axes.set_xlabel("trial", fontsize=9)
    mean = "geometric mean" if choice.geometric else "mean"
    axes.set_ylabel(f"{shorten(str(measure), 24)}\n({mean})", fontsize=9, parse_math=False)
    axes.set_xlim(-0.6, len(so_far) - 0.4)
    if choice.geometric and choice.winner is not None:
        axes.set_yscale("log")
    _finish(axes)


def _by_option(axes: Axes, choice: Choice, name: str) -> None:
    """Scores by one option's values; its range is white, what lies outside is grey."""
    values = choice.tuned.space[name]
    for score in choice.scores:
        at = _position(values, choice.tuned.settings(score.trial)[name])
        if at is not None:
            _point(axes, choice, score, at)
    if choice.scores[0].score is not None:
        axes.axhline(choice.scores[0].score, color=_WRITTEN, linewidth=0.9, linestyle=(0, (4, 2)))
    axes.set_xlabel(shorten(name, 30), fontsize=9, parse_math=False)
    axes.tick_params(labelleft=False)
    _scale(axes, values)
    _finish(axes)


def _position(values: Tunable, value: Any) -> float | None:
    if isinstance(values, Range):
        return value if values.fraction(value) is not None else None
    return values.values.index(value) if value in values.values else None


def _scale(axes: Axes, values: Tunable) -> None:
    if not isinstance(values, Range):
        axes.set_xticks(range(len(values.values)), [shorten(str(v), 10) for v in values.values])
        axes.set_xlim(-0.5, len(values.values) - 0.5)
        return
    if values.scale == "log":
        from matplotlib.ticker import FuncFormatter, NullFormatter

        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    low, high = axes.get_xlim()
    if values.scale == "log":
        low, high = min(low, values.low / 1.25), max(high, values.high * 1.25)
    else:
        margin = (values.high - values.low) / 20
        low, high = min(low, values.low - margin), max(high, values.high + margin)
    axes.axvspan(low, values.low, color="#eeeeee", zorder=0)
    axes.axvspan(values.high, high, color="#eeeeee", zorder=0)
    axes.set_xlim(low, high)


def _point(axes: Axes, choice: Choice, score: TrialScore, x: float) -> None:
    if score.score is None:
        axes.plot([x], [0.97], "x", color=_LOST, transform=axes.get_xaxis_transform())
        return
    won = score is choice.winner
    axes.plot(
        [x],
        [score.score],
        "D" if score.trial.number == 0 else "o",
        color=_WINNER if won else _WRITTEN if score.trial.number == 0 else _TRIED,
        markersize=8 if won else 5,
        zorder=4 if won else 3,
    )


def _finish(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.grid(True, which="major", color="#e4e4e4", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    if axes.get_yscale() == "log":
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())


def _legend() -> tuple[list[Any], list[str]]:
    from matplotlib.lines import Line2D

    marks = [("D", _WRITTEN), ("o", _TRIED), ("o", _WINNER), ("x", _LOST)]
    handles = [Line2D([], [], marker=m, color=c, linestyle="none") for m, c in marks]
    return handles, ["as written (dashed)", "a trial", "chosen", "lost: a cell is not ok"]
