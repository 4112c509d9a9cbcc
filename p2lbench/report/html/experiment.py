"""The section of a report on the paper's experiment that its suite is an edition of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from p2lbench.leaderboard import Leaderboard, as_text, decimals
from p2lbench.report.experiment import verdicts
from p2lbench.report.experiment.kinds import (
    Bars,
    Curves,
    HeatMap,
    Part,
    Pictures,
    Tabular,
    Ways,
)
from p2lbench.report.experiment.parts import parts
from p2lbench.report.experiment.source import Source, source_of
from p2lbench.report.html.figure import Table, short
from p2lbench.report.text import plain
from p2lbench.store import Store


@dataclass(frozen=True)
class Section:
    """What the template is given, and what the script draws, by a part's `at`."""

    told: dict[str, Any]
    drawn: list[dict[str, Any]]


def section(store: Store, board: Leaderboard, images: Sequence[str]) -> Section | None:
    """None where the suite names no experiment.

    Args:
        images: names of those that the page has pictures of, in its order.

    Raises: StoreError.
    """
    source = source_of(store, board)
    if source is None:
        return None
    drawn: list[dict[str, Any]] = []
    told = [_part(part, drawn, images) for part in parts(source)]
    claims = verdicts.groups(source)
    return Section(
        {
            "title": source.experiment.title,
            "place": source.experiment.place,
            "found": source.experiment.found,
            "claims": claims,
            "every": _every(source, claims),
            "parts": told,
            "beside": verdicts.beside(source),
        },
        drawn,
    )


def _every(source: Source, claims: Sequence[verdicts.Group]) -> Table | None:
    """All metrics, mean and best: ratio, interval and images won."""
    lines = [(group, line) for group in claims for line in group.lines if line.every]
    keys = list(dict.fromkeys(key for _, line in lines for key in line.every))
    if len(keys) < 2:
        return None
    labels = {metric.name: plain(metric.label) for metric in source.board.metrics}
    heads = ["claim", "rows", *(f"{labels.get(m, m)}, {kind}" for m, kind in keys)]
    rows = [
        [group.text, line.pair, *(line.every.get(key, "—") for key in keys)]
        for group, line in lines
    ]
    return Table("Ratio (95% interval) and images won", heads, rows)


def _part(part: Part, drawn: list[dict[str, Any]], images: Sequence[str]) -> dict[str, Any]:
    """For the template; what a script draws is put into `drawn`."""
    told = {"key": f"paper-{part.key}", "title": part.title, "caption": part.caption, "at": None}
    if isinstance(part, Tabular):
        at, starts = 0, []
        for _, wide in part.groups:
            starts.append(at)
            at += wide
        return {**vars(part), **told, "kind": "table", "starts": starts}
    if isinstance(part, Pictures):
        drawn.append(_pictures(part, images))
        kind = {"kind": "pictures", "left_out": part.left_out}
        return {**told, **kind, "at": len(drawn) - 1}
    made = _MAKERS[type(part)](part)
    drawn.append(made[1])
    chart = {"kind": made[1]["kind"], "ranks": (), "y": "", "at": len(drawn) - 1}
    return {**told, **chart, **made[0]}


def _pictures(part: Pictures, images: Sequence[str]) -> dict[str, Any]:
    at = {name: k for k, name in enumerate(images)}
    return {
        "kind": "pictures",
        "images": [
            {
                "name": plain(name),
                "at": at[name],
                "shots": [
                    {
                        "row": one.row,
                        "label": one.label,
                        "candidates": list(one.candidates),
                        "values": list(one.values),
                    }
                    for one in shots
                ],
            }
            for name, shots in part.images
            if name in at
        ],
    }


def _bars(part: Bars) -> tuple[dict[str, Any], dict[str, Any]]:
    digits = decimals(bar.value for bar in part.bars)
    paper = any(bar.paper is not None for bar in part.bars)
    heads = ["", part.axis, "± standard error", *part.parts, *(["the paper"] if paper else [])]
    rows = [
        [
            bar.label,
            as_text(bar.value, digits),
            "—" if bar.error is None else as_text(bar.error, digits),
            *(as_text(one, digits) for one in bar.parts),
            *(["—" if bar.paper is None else f"{bar.paper:.2f}"] if paper else []),
        ]
        for bar in part.bars
    ]
    if all(bar.error is None for bar in part.bars):
        heads, rows = _without(heads, 2), [_without(row, 2) for row in rows]
    bars = [
        {
            "label": bar.label,
            "value": bar.value,
            "text": bar.text,
            "error": bar.error,
            "parts": list(bar.parts),
            "paper": bar.paper,
        }
        for bar in part.bars
    ]
    told = {"x": part.axis, "numbers": Table(part.title, heads, rows)}
    return told, {"kind": "bars", "bars": bars, "parts": list(part.parts)}


def _without(cells: list[str], k: int) -> list[str]:
    return [*cells[:k], *cells[k + 1 :]]


def _curves(part: Curves) -> tuple[dict[str, Any], dict[str, Any]]:
    digits = decimals(one.y[-1] for one in part.curves)
    rows = [[one.label, f"{one.x[-1]:,.0f}", as_text(one.y[-1], digits)] for one in part.curves]
    told = {
        "x": part.x,
        "y": part.y,
        "ranks": [(one.label, f"{one.place:.3f}") for one in part.curves],
        "numbers": Table(part.title, ["method", "passes", "objective at the end"], rows),
    }
    curves = [
        {"label": one.label, "x": short(one.x), "y": short(one.y), "place": one.place}
        for one in part.curves
    ]
    return told, {"kind": "curves", "curves": curves, "log": part.log}


def _heat(part: HeatMap) -> tuple[dict[str, Any], dict[str, Any]]:
    heads = [f"{part.y} ↓, {part.x} →", *map(str, part.xs)]
    rows = [
        [str(y), *(text or "—" for text in texts)]
        for y, texts in zip(part.ys, part.texts, strict=True)
    ]
    told = {"x": part.x, "y": part.y, "numbers": Table(f"{part.metric} by updates", heads, rows)}
    return told, {
        "kind": "heat",
        "metric": part.metric,
        "xs": list(part.xs),
        "ys": list(part.ys),
        "values": [list(line) for line in part.values],
        "texts": [list(line) for line in part.texts],
        "higher": part.higher,
    }


def _ways(part: Ways) -> tuple[dict[str, Any], dict[str, Any]]:
    rows = [
        [way.label, name, f"{x:.4g}", f"{y:.4g}"]
        for way in part.ways
        for name, x, y in zip(way.names, way.x, way.y, strict=True)
    ]
    rows += [[way.label, "★", *(f"{v:.4g}" for v in way.star)] for way in part.ways if way.star]
    heads = ["method", "", "loss", part.y]
    told = {"x": part.x, "y": part.y, "numbers": Table(part.title, heads, rows)}
    ways = [
        {
            "label": way.label,
            "x": short(way.x),
            "y": short(way.y),
            "names": list(way.names),
            "star": None if way.star is None else list(way.star),
        }
        for way in part.ways
    ]
    return told, {"kind": "ways", "ways": ways, "labels": list(part.labels)}


_MAKERS: dict[type[Part], Any] = {Bars: _bars, Curves: _curves, HeatMap: _heat, Ways: _ways}
