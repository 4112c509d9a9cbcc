"""Figure 18: how closely fine-tuning meets the photos, against what edits then still do."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from p2lbench.report.experiment.kinds import Part, Way, Ways
from p2lbench.report.experiment.source import Source
from p2lbench.report.text import plain

DOCUMENT = "tradeoff.json"
_APART = 0.09  # of the axis, between two labels
_Point = Mapping[str, Any]


def trade_off(source: Source) -> list[Part]:
    """From the document that a run of the suite ends with; nothing where it is not to be had."""
    try:
        found = json.loads((source.store.folder / DOCUMENT).read_text("utf-8"))
        return _drawn(source.name, str(found["judge"]), found["points"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def _drawn(name: str, judge: str, points: Sequence[_Point]) -> list[Part]:
    caption = (
        "A point per weight of the regularisation, from the one as projected, lambda falling; a "
        "star: fine-tuned to a loss that all methods are given. Means over edits, then images."
    )
    x = "reconstruction loss, lower to the right"
    seen = _ways(points, lambda point: point["probability"][judge])
    moved = _ways(points, lambda point: point["background"])
    told = f"probability of the edited class ({plain(judge)})"
    parts = [
        Ways(f"{name}-class", "Does a classifier see the edited class?", caption, x, told, seen,
             _labels(seen)),
        Ways(f"{name}-background", "How far does the background move?", caption, x,
             "background moved by an edit (l1)", moved, _labels(moved)),
    ]  # fmt: skip
    return [part for part in parts if part.ways]


def _ways(points: Sequence[_Point], value: Callable[[_Point], Any]) -> list[Way]:
    """A way per method, in the document's order: as projected, then lambda falling."""
    ways = []
    for method in dict.fromkeys(str(point["method"]) for point in points):
        own = [p for p in points if p["method"] == method and _known(p["loss"], value(p))]
        line = [p for p in own if p["protocol"] != "equal"]
        line.sort(key=lambda p: -math.inf if p["weight"] is None else -float(p["weight"]))
        star = [(float(p["loss"]), float(value(p))) for p in own if p["protocol"] == "equal"]
        if line:
            losses, values = [float(p["loss"]) for p in line], [float(value(p)) for p in line]
            names = [_name(p["weight"]) for p in line]
            ways.append(Way(plain(method), losses, values, names, star[0] if star else None))
    return ways


def _labels(ways: Sequence[Way]) -> list[str]:
    """The names of the first way's points, but for those too near to one before."""
    logs = [math.log(x) for way in ways for x in way.x]
    if not logs:
        return []
    shown, last = [], math.inf
    for name, x in zip(ways[0].names, ways[0].x, strict=True):
        room = abs(math.log(x) - last) > _APART * (max(logs) - min(logs))
        shown.append(name if room else "")
        last = math.log(x) if room else last
    return shown


def _known(loss: Any, value: Any) -> bool:
    numbers = [x for x in (loss, value) if isinstance(x, int | float) and math.isfinite(x)]
    return len(numbers) == 2 and loss > 0


def _name(weight: Any) -> str:
    return "as projected" if weight is None else f"λ {float(weight):g}"
