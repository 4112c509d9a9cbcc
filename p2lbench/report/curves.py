"""Convergence curves: the best objective so far against the passes, or the seconds, spent."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from p2lbench.record import Trace
from p2lbench.report.text import shorten
from p2lbench.stats import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

Traces = Mapping[str, Sequence[Trace]]  # image → one trace per repeat
Spent = Literal["passes", "seconds"]

# Okabe and Ito, "Color Universal Design" (2008), the yellow left out: too faint on white.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)))
MAX_CURVES = len(_COLOURS) * len(_DASHES)
MAX_PANELS = 6
_POINTS = 400


@dataclass(frozen=True)
class Curve:
    """One method: passes or seconds `spent`, `mean` over candidates and `best` of them, (points,).

    Averaged over repeats, then images: geometrically where all values are positive.
    """

    label: str
    spent: Array
    mean: Array
    best: Array


@dataclass(frozen=True)
class Panel:
    """Curves that share an objective; `geometric`: how images were averaged."""

    title: str
    curves: tuple[Curve, ...]
    geometric: bool


def panel(title: str, methods: Mapping[str, Traces], over: Spent = "passes") -> Panel:
    """Averages each method's traces; methods without any are left out."""
    stacks = {label: _stack(traces, over) for label, traces in methods.items()}
    found = {label: stack for label, stack in stacks.items() if stack is not None}
    geometric = all(
        np.nanmin(values, initial=np.inf) > 0 for _, *both in found.values() for values in both
    )
    curves = [
        Curve(label, spent, _over_images(mean, geometric), _over_images(best, geometric))
        for label, (spent, mean, best) in found.items()
    ]
    return Panel(title, tuple(curves), geometric)


def draw(path: Path, title: str, candidates: int, panels: Sequence[Panel]) -> Path:
    """Writes the curves, as PNG or PDF by the path's suffix; the first MAX_PANELS panels.

    Raises: OSError; ValueError for another suffix.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = panels[:MAX_PANELS]
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in a script DejaVu lacks
        figure = Figure(figsize=(8.4, 0.8 + 4.0 * max(1, len(shown))), layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(shorten(title, 90), fontsize=12, fontweight="bold", parse_math=False)
        for k, content in enumerate(shown):
            _draw_panel(figure.add_subplot(len(shown), 1, k + 1), content, candidates)
        undated = {"CreationDate": None} if path.suffix == ".pdf" else {"Software": None}
        figure.savefig(path, dpi=150, metadata=undated)
    return path


def style(k: int) -> dict[str, Any]:
    """The k-th method's colour and dashes, the same in every figure."""
    dashes = _DASHES[k // len(_COLOURS) % len(_DASHES)]
    return {"color": _COLOURS[k % len(_COLOURS)], "linestyle": dashes}


def _draw_panel(axes: Axes, content: Panel, candidates: int) -> None:
    order = sorted(content.curves, key=lambda curve: -curve.mean[-1])
    styles = {curve.label: k for k, curve in enumerate(content.curves)}
    handles = [_draw_curve(axes, curve, styles[curve.label]) for curve in order[-MAX_CURVES:]]
    axes.set_xscale("log")
    if content.geometric:
        axes.set_yscale("log")
    average = "geometric mean" if content.geometric else "mean"
    axes.set_xlabel("generator passes per cell (all candidates)")
    axes.set_ylabel(f"best objective so far\n({average} over images)")
    axes.set_title(shorten(content.title, 90), fontsize=10, loc="left", parse_math=False)
    axes.grid(True, which="major", color="#dddddd", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    _plain_ticks(axes)
    # Real names come after: matplotlib would drop those that start with an underscore.
    legend = axes.legend(
        handles,
        [f"{k}" for k in range(len(handles))],
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        frameon=False,
        title=f"mean of {candidates}\n(faint: best of {candidates})",
        alignment="left",
    )
    for text, curve in zip(legend.get_texts(), order[-MAX_CURVES:], strict=True):
        text.set_parse_math(False)
        text.set_text(shorten(curve.label, 34))


def _draw_curve(axes: Axes, curve: Curve, k: int) -> Line2D:
    drawn = {**style(k), "drawstyle": "steps-post"}
    axes.plot(curve.spent, curve.best, alpha=0.4, linewidth=1.0, **drawn)
    (line,) = axes.plot(curve.spent, curve.mean, linewidth=1.8, **drawn)
    axes.plot(curve.spent[-1:], curve.mean[-1:], "o", markersize=5, color=drawn["color"])
    axes.plot(
        curve.spent[-1:], curve.best[-1:], "o", markersize=3.5, color=drawn["color"], alpha=0.4
    )
    return line


def _plain_ticks(axes: Axes) -> None:
    """1,000 rather than 10^3; enough of them where the values span less than a decade."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    if axes.get_yscale() != "log":
        return
    low, high = axes.get_ylim()
    few = high / low > 30
    axes.yaxis.set_major_locator(LogLocator(subs=(1,) if few else (1, 2, 3, 5, 7)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _stack(traces: Traces, over: Spent) -> tuple[Array, Array, Array] | None:
    """What was spent (points,); the mean and the best of the candidates, (images, points)."""
    kept = [[trace for trace in repeats if trace.passes] for repeats in traces.values()]
    kept = [repeats for repeats in kept if repeats]
    if not kept:
        return None
    spent = _grid(np.unique([x for found in kept for one in found for x in getattr(one, over)]))
    both = [np.mean([_sampled(trace, spent, over) for trace in found], axis=0) for found in kept]
    mean, best = np.stack(both, axis=1)
    started = np.isfinite(mean).all(axis=0)
    if not started.any():
        return None
    return spent[started], mean[:, started], best[:, started]


def _grid(spent: np.ndarray[Any, Any]) -> Array:
    if len(spent) > _POINTS:
        spent = spent[np.unique(np.linspace(0, len(spent) - 1, _POINTS).astype(int))]
    return spent.astype(np.float64)


def _sampled(trace: Trace, spent: Array, over: Spent) -> Array:
    """(2, points): mean and best of the candidates as they stood after so much was spent."""
    values = np.array(trace.best, dtype=np.float64)
    table = np.stack([values.mean(axis=1), np.fmin.reduce(values, axis=1)])
    at = np.searchsorted(np.array(getattr(trace, over)), spent, side="right") - 1
    return np.where(at < 0, np.nan, table[:, np.maximum(at, 0)])


def _over_images(values: Array, geometric: bool) -> Array:
    average: Array = np.exp(np.log(values).mean(axis=0)) if geometric else values.mean(axis=0)
    return average
