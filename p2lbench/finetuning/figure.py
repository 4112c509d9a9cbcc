"""Figure 18 drawn: curves of the trade-off, and one image's edits with every lambda."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2lbench.choosing import told
from p2lbench.finetuning.jobs import path as entry_path
from p2lbench.finetuning.tradeoff import Point, TradeOff
from p2lbench.report import grid as tiles
from p2lbench.report.curves import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_EDITS = 6  # classes that the grid shows
_NEAR = 0.1  # losses that lie on each other in a figure
_EACH = tiles.MAX_LINES // 2  # lines of each of two methods


def curves(path: Path, found: TradeOff) -> None:
    """The reconstruction loss against what a judge still sees of the edited classes, and against
    how far the background moves; a curve per method, a point per lambda."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        figure = Figure(figsize=(11, 4.6), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
        _panel(left, found, lambda point: point.probability[found.judge])
        left.set_ylabel(f"edited class's probability\n({found.judge})")
        _panel(right, found, lambda point: point.background)
        right.set_ylabel("background moved by an edit (l1)")
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
        figure.suptitle(f"{found.suite}: fine-tuning against editing", parse_math=False)
        figure.savefig(path, dpi=130, metadata={"Software": None})


def _panel(axes: Axes, found: TradeOff, value: Any) -> None:
    from matplotlib.ticker import FuncFormatter

    for k, (method, points) in enumerate(found.of("weight").items()):
        drawn = style(k)
        start = found.of("none")[method]
        way = _drawable([*start, *sorted(points, key=lambda p: -(p.weight or 0))], value)
        axes.plot(*_xy(way, value), marker="o", markersize=4, label=method, **drawn)
        equal = _drawable(found.of("equal")[method], value)
        axes.plot(*_xy(equal, value), marker="*", markersize=13, linewidth=0, color=drawn["color"])
        if k == 0:
            _name(axes, way, value)
    axes.set_xscale("log")
    for which in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        which(FuncFormatter(lambda number, _: f"{number:g}"))
    axes.tick_params(axis="x", which="both", labelsize=8)
    axes.invert_xaxis()
    axes.set_xlabel("reconstruction loss (better to the right); ★ fine-tuned to one loss")
    axes.grid(True, color="#dddddd", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)


def _name(axes: Axes, way: Sequence[Point], value: Any) -> None:
    """The lambdas beside one method's points."""
    named = 0.0
    for point in way:
        loss = point.loss or 0.0
        if abs(loss - named) < _NEAR * named:  # its name would lie on the last one's
            continue
        named = loss
        text = "as projected" if point.weight is None else f"λ {point.weight:g}"
        axes.annotate(text, (loss, value(point)), (4, 5), textcoords="offset points", fontsize=7)


def _drawable(points: Sequence[Point], value: Any) -> list[Point]:
    return [point for point in points if point.loss and value(point) is not None]


def _xy(points: Sequence[Point], value: Any) -> tuple[list[float], list[float]]:
    return [point.loss or 0.0 for point in points], [value(point) for point in points]


def grid(path: Path, folder: Path, entries: Sequence[dict[str, Any]]) -> None:
    """One image of the first method and of the last: a line for each lambda, a column for each
    class that it is edited to. Without entries that went well there is none, an old one neither."""
    good = [entry for entry in entries if entry["status"] == "ok"]
    if not good:
        path.unlink(missing_ok=True)
        return
    rows = list(dict.fromkeys(tuple(entry["row"]) for entry in good))
    image, names = good[0]["image"], told(rows)
    every = [entry for entry in good if entry["image"] == image and entry["protocol"] != "equal"]
    shown = [
        entry
        for row in dict.fromkeys((rows[0], rows[-1]))
        for entry in _fewer([each for each in every if tuple(each["row"]) == row])
    ]
    lines = [line for entry in shown for line in _line(folder, entry, names)]
    classes = [*shown[0]["edits"]][:_EDITS] if shown else []
    subtitle = "What each lambda makes of the photo, and of its class moved to others."
    tiles.draw(path, f"{image}, edited", subtitle, ["no edit", *classes], lines, len(lines))


def _fewer(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first, as projected, and the last ones, whose lambdas let most happen."""
    return [*entries[:1], *entries[1:][1 - _EACH :]]


def _line(folder: Path, entry: dict[str, Any], names: Any) -> Iterator[tiles.Line]:
    classes = [*entry["edits"]]
    strip = entry_path(folder, entry["key"], ".png").read_bytes()
    made = [tiles.candidate(strip, 1 + len(classes), k) for k in range(1 + len(classes))]
    target = _target(folder, entry)
    if target is None:
        return
    weight = None if entry["options"] is None else entry["options"]["weight"]
    variant = "as projected" if weight is None else f"λ {weight:g}"
    captions = [f"loss {entry['loss']['after']:.3g}"]
    captions += [f"{100 * _last(edit['probability']):.0f}%" for edit in entry["edits"].values()]
    every = [tiles.Tile(p, text) for p, text in zip(made, captions, strict=True)]
    yield tiles.Line(names[tuple(entry["row"])], variant, target, every[: 1 + _EDITS])


def _last(judged: dict[str, float]) -> float:
    return list(judged.values())[-1]


def _target(folder: Path, entry: dict[str, Any]) -> Any:
    """The photo as the generator's size has it."""
    from p2lbench.store import Store

    with Store.open_read(folder) as store:
        return store.images()[entry["image"]].pixels
