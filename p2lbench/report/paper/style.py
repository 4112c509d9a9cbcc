"""How figures for papers look: sizes, fonts, and lines that grey print tells apart."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from p2lbench.report.text import shorten

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Width = Literal["column", "page"]

INCHES: dict[Width, float] = {"column": 3.3, "page": 6.8}
MAX_METHODS = 28
# Okabe and Ito, "Color Universal Design" (2008), the yellow left out: too faint on white.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)))
_MARKERS = "osD^vPX<>"
_SETTINGS: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "lines.linewidth": 1.3,
    "pdf.fonttype": 42,  # TrueType: publishers refuse Type 3
    "svg.fonttype": "none",
}


@dataclass(frozen=True)
class Look:
    """A method's colour, dashes and marker: no two of the first MAX_METHODS share two of them."""

    colour: str
    dash: Any
    marker: str


def look(k: int) -> Look:
    """Of the k-th method of a table."""
    k %= MAX_METHODS
    return Look(_COLOURS[k % 7], _DASHES[k % 4], _MARKERS[k % 9])


@contextmanager
def figure(path: Path, width: Width, height: float, tight: bool = False) -> Iterator[Figure]:
    """A figure of a height in inches, which is written to `path` at the end, PDF or PNG.

    `tight`: its parts side by side without space between them.

    Raises: OSError.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        for key, value in _SETTINGS.items():
            matplotlib.rcParams[key] = value
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in a script DejaVu lacks
        layout = ConstrainedLayoutEngine()
        if tight:
            layout.set(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
        made = Figure(figsize=(INCHES[width], height), layout=layout)
        FigureCanvasAgg(made)
        yield made
        undated = {"CreationDate": None} if path.suffix == ".pdf" else {"Software": None}
        made.savefig(path, dpi=300, metadata=undated)


def legend_below(
    figure: Figure, width: Width, handles: Sequence[Artist], names: Sequence[str], title: str = ""
) -> None:
    """Names as they are: no mathematics, and those with an underscore in front, too."""
    made = figure.legend(
        handles,
        [f"{k}" for k in range(len(handles))],
        loc="outside lower center",
        ncols=_legend_columns(names, width),
        frameon=False,
        handlelength=2.6,
        columnspacing=1.2,
        title=title or None,
    )
    for text, name in zip(made.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(shorten(name, 40))


def legend_lines(names: Sequence[str], width: Width) -> float:
    """The height in inches that `legend_below` takes."""
    return 0.16 * -(-len(names) // _legend_columns(names, width)) + 0.1


def _legend_columns(names: Sequence[str], width: Width) -> int:
    """As few as make the same number of lines as many: no line is nearly empty."""
    longest = max((len(shorten(name, 40)) for name in names), default=1)
    most = max(1, min(len(names), int(INCHES[width] * 13 / (longest + 6))))
    lines = max(1, -(-len(names) // most))
    return max(1, -(-len(names) // lines))


def said(axes: Axes, x: str, *y: str) -> None:
    """Labels of the axes, as text; `y` in a line each."""
    axes.set_xlabel(shorten(x, 60), parse_math=False)
    axes.set_ylabel("\n".join(shorten(line, 36) for line in y), parse_math=False)


def plain_ticks(axes: Axes) -> None:
    """1,000 rather than 10^3 on logarithmic axes; enough ticks where they span little."""
    from matplotlib.ticker import (
        FuncFormatter,
        LogLocator,
        MaxNLocator,
        NullFormatter,
        NullLocator,
    )

    for axis, ends in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        if axis.get_scale() != "log":
            continue
        span = ends[1] / ends[0]
        if span < 3:  # round numbers of a logarithm would be one or two
            axis.set_major_locator(MaxNLocator(6, steps=(1, 2, 2.5, 5, 10)))
            axis.set_minor_locator(NullLocator())
        else:
            axis.set_major_locator(LogLocator(subs=(1,) if span > 30 else (1, 2, 3, 5, 7)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        axis.set_minor_formatter(NullFormatter())
