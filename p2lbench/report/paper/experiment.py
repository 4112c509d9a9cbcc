"""The paper's own figures, drawn from the same data as in the report."""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2lbench.report.experiment.kinds import Bars, Curves, HeatMap, Part, Pictures, Ways
from p2lbench.report.grid import candidate
from p2lbench.report.paper import style
from p2lbench.report.text import shorten
from p2lbench.store import Store

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from p2lbench.report.experiment.kinds import Shots

_LINE = 0.2  # inches for a bar
_MOST = 40  # bars
_COLOURS = ("#0072B2", "#E69F00")
_SCALE = ("#2b6cb8", "#f4f1ea", "#bf2a34")  # from best to worst


def draw(path: Path, part: Part, store: Store, width: style.Width) -> str | None:
    """One figure of the paper. A text if it is none that is drawn: why.

    Raises: OSError, StoreError.
    """
    makers: dict[type[Part], Callable[[Path, Any, Store, style.Width], None]] = {
        Bars: _bars,
        Curves: _curves,
        HeatMap: _heat,
        Pictures: _pictures,
        Ways: _ways,
    }
    make = makers.get(type(part))
    if make is None:
        return "a table: p2lbench leaderboard --format latex"
    make(path, part, store, width)
    return None


def _bars(path: Path, part: Bars, store: Store, width: style.Width) -> None:
    bars = part.bars[:_MOST]
    names = [*part.parts, *(["the paper"] if any(b.paper is not None for b in bars) else [])]
    height = 0.6 + _LINE * len(bars) + (style.legend_lines(names, width) if names else 0)
    with style.figure(path, width, height) as figure:
        axes = figure.subplots()
        handles = _stacked(axes, part)
        if any(bar.error is not None for bar in bars):
            axes.errorbar(
                [bar.value for bar in bars], range(len(bars)),
                xerr=[bar.error or 0 for bar in bars],
                fmt="none", ecolor="black", elinewidth=0.9, capsize=2.5,
            )  # fmt: skip
        told = [(k, bar.paper) for k, bar in enumerate(bars) if bar.paper is not None]
        if told:
            (mark,) = axes.plot(
                [value for _, value in told], [k for k, _ in told],
                "D", color="black", markerfacecolor="none", markersize=5,
            )  # fmt: skip
            handles.append(mark)
        letters = 28 if width == "column" else 48
        axes.set_yticks(range(len(bars)))
        axes.set_yticklabels([shorten(bar.label, letters) for bar in bars], parse_math=False)
        axes.set_ylim(len(bars) - 0.4, -0.6)
        axes.set_xlim(left=0)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(shorten(part.axis, 60), parse_math=False)
        if names:
            style.legend_below(figure, width, handles, names)


def _stacked(axes: Axes, part: Bars) -> list[Any]:
    """A layer per part, or one."""
    bars = part.bars[:_MOST]
    left = [0.0] * len(bars)
    handles: list[Any] = []
    for k in range(len(part.parts) or 1):
        long = [bar.parts[k] if part.parts else bar.value for bar in bars]
        colour = _COLOURS[k % len(_COLOURS)]
        handles.append(axes.barh(range(len(bars)), long, 0.7, left=left, color=colour))
        left = [one + more for one, more in zip(left, long, strict=True)]
    return handles


def _curves(path: Path, part: Curves, store: Store, width: style.Width) -> None:
    names = [curve.label for curve in part.curves]
    height = 0.62 * style.INCHES[width] if width == "column" else 3.2
    with style.figure(path, width, height + style.legend_lines(names, width)) as figure:
        axes = figure.subplots()
        handles = []
        for k, curve in enumerate(part.curves):
            (line,) = axes.plot(
                curve.x, curve.y, drawstyle="steps-post", color=ranked(curve.place),
                linestyle=style.look(k).dash, linewidth=1.1,
            )  # fmt: skip
            handles.append(line)
        axes.set_xscale("log")
        if part.log:
            axes.set_yscale("log")
        style.said(axes, part.x, part.y)
        style.plain_ticks(axes)
        style.legend_below(figure, width, handles, names)


def ranked(place: float) -> tuple[float, float, float]:
    """From blue, the best at 0, by purple to red at 1: the report's colours."""
    return colorsys.hls_to_rgb((222 + 138 * place) / 360 % 1, 0.44, 0.75)


def _heat(path: Path, part: HeatMap, store: Store, width: style.Width) -> None:
    import numpy as np
    from matplotlib.colors import LinearSegmentedColormap

    values = np.array([[np.nan if v is None else v for v in line] for line in part.values])
    colours = _SCALE[::-1] if part.higher else _SCALE
    scale = LinearSegmentedColormap.from_list("best to worst", colours)
    with style.figure(path, width, 0.8 * style.INCHES["column"]) as figure:
        axes = figure.subplots()
        drawn = axes.imshow(values, cmap=scale, origin="lower", aspect="auto")
        axes.set_xticks(range(len(part.xs)), [str(x) for x in part.xs])
        axes.set_yticks(range(len(part.ys)), [str(y) for y in part.ys])
        axes.grid(visible=False)
        axes.tick_params(length=0)
        for k, texts in enumerate(part.texts):
            for j, text in enumerate(texts):
                if text:
                    dark = not 0.2 < float(np.asarray(drawn.norm(values[k, j]))) < 0.8
                    axes.text(j, k, text, ha="center", va="center", fontsize=6.5,
                              color="white" if dark else "black", parse_math=False)  # fmt: skip
        style.said(axes, part.x, part.y)
        bar = figure.colorbar(drawn, ax=axes, pad=0.02)
        bar.outline.set_visible(False)
        bar.set_label(shorten(part.metric, 40), parse_math=False)


def _ways(path: Path, part: Ways, store: Store, width: style.Width) -> None:
    names = [way.label for way in part.ways[: style.MAX_METHODS]]
    height = 0.7 * style.INCHES[width] if width == "column" else 3.4
    with style.figure(path, width, height + style.legend_lines(names, width)) as figure:
        axes = figure.subplots()
        handles = []
        for k, way in enumerate(part.ways[: style.MAX_METHODS]):
            look = style.look(k)
            (line,) = axes.plot(
                way.x, way.y, color=look.colour, linestyle=look.dash, marker=look.marker,
                markersize=3.5,
            )  # fmt: skip
            handles.append(line)
            if way.star is not None:
                axes.plot(*way.star, "*", color=look.colour, markersize=9)
        first = part.ways[0]
        for x, y, name in zip(first.x, first.y, part.labels, strict=True):
            axes.annotate(name, (x, y), (3, 4), textcoords="offset points", fontsize=6)
        axes.set_xscale("log")
        style.plain_ticks(axes)
        axes.invert_xaxis()
        style.said(axes, part.x, part.y)
        style.legend_below(figure, width, handles, names)


def _pictures(path: Path, part: Pictures, store: Store, width: style.Width) -> None:
    """A line per image and method: the target, then the candidates."""
    lines = [(name, shots) for name, every in part.images for shots in every]
    columns = 1 + max(len(shots.candidates) for _, shots in lines)
    side = style.INCHES[width] / columns
    with style.figure(path, width, len(lines) * (side + 0.2), tight=True) as figure:
        _tiles(figure, store, lines, columns)


def _tiles(figure: Figure, store: Store, lines: Sequence[tuple[str, Shots]], columns: int) -> None:
    targets = store.images()
    places = figure.subplots(len(lines), columns, squeeze=False)
    for (name, shots), line in zip(lines, places, strict=True):
        strip = store.file("images", shots.cell)
        tiles = [candidate(strip, shots.count, k) for k in shots.candidates]
        said = ["", *shots.values]
        for place, pixels, text in zip(line, [targets[name].pixels, *tiles], said, strict=False):
            if pixels is not None:
                place.imshow(pixels, interpolation="nearest")
            place.set_title(text, fontsize=5.5, pad=1, loc="left", parse_math=False)
        for place in line:
            place.set_axis_off()
        line[0].text(
            -0.06, 0.5, shorten(shots.label, 16), transform=line[0].transAxes, rotation=90,
            ha="right", va="center", fontsize=5.5, parse_math=False,
        )  # fmt: skip
