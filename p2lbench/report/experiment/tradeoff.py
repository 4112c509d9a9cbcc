"""Figure 18: how closely fine-tuning meets the photos, against what edits then still do."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from p2lbench.finetuning.tradeoff import Point, TradeOff, of_folder, plan_of
from p2lbench.report.experiment.kinds import Line, Number, Part, Tabular, Way, Ways
from p2lbench.report.experiment.source import Source
from p2lbench.report.text import count, plain

_EQUAL = "the same loss for all"
_APART = 0.09  # of the axis, between two labels


def trade_off(source: Source) -> list[Part]:
    """Two figures and a table of what `run` left in the folder; nothing where it left nothing, or
    of other cells than those that the last run planned and did not come to."""
    found = of_folder(source.store.folder)
    if found is None or found.plan != plan_of(source.store):
        return []
    return [*_drawn(source.name, found.judge, found.points), _table(source, found)]


def _drawn(name: str, judge: str, points: Sequence[Point]) -> list[Part]:
    caption = (
        "A point per weight of the regularisation, from the one as projected, lambda falling; a "
        "star: fine-tuned to a loss that all methods are given. Means over edits, then images."
    )
    x = "reconstruction loss, lower to the right"
    seen = _ways(points, lambda point: point.probability.get(judge))
    moved = _ways(points, lambda point: point.background)
    told = f"probability of the edited class ({plain(judge)})"
    parts = [
        Ways(f"{name}-class", "Does a classifier see the edited class?", caption, x, told, seen,
             _labels(seen)),
        Ways(f"{name}-background", "How far does the background move?", caption, x,
             "background moved by an edit (l1)", moved, _labels(moved)),
    ]  # fmt: skip
    return [part for part in parts if part.ways]


def _ways(points: Sequence[Point], value: Callable[[Point], float | None]) -> list[Way]:
    """A way per method, in the document's order: as projected, then lambda falling."""
    ways = []
    for method in dict.fromkeys(point.method for point in points):
        own = [point for point in points if point.method == method]
        numbers = [(point, _finite(point.loss), _finite(value(point))) for point in own]
        known = [(p, loss, y) for p, loss, y in numbers if loss and loss > 0 and y is not None]
        line = [each for each in known if each[0].protocol != "equal"]
        line.sort(key=lambda each: -math.inf if each[0].weight is None else -each[0].weight)
        star = [(loss, y) for point, loss, y in known if point.protocol == "equal"]
        if line:
            names = [_name(point.weight) for point, _, _ in line]
            losses, values = [loss for _, loss, _ in line], [y for _, _, y in line]
            ways.append(Way(plain(method), losses, values, names, star[0] if star else None))
    return ways


def _finite(number: float | None) -> float | None:
    """None for what a descent that diverged has come to, which has no place on an axis."""
    return None if number is None or not math.isfinite(number) else number


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


def _name(weight: float | None) -> str:
    return "as projected" if weight is None else f"λ {weight:g}"


def _table(source: Source, found: TradeOff) -> Tabular:
    failed = ""
    if found.failed:
        many = count(len(found.failed), "failure")
        failed = f" {many} left out, so rows may be means over different images."
    return Tabular(
        f"{source.name}-table",
        source.experiment.title,
        "Selected candidates, fine-tuned with each lambda, then edited to every other class: "
        "means over images and classes. Seen, probability: of the edited class, by "
        f"{plain(found.judge)}. Object, background: how far an edit moves pixels inside of "
        f"the mask and outside (l1).{failed}",
        heads=["method", "lambda"],
        ticks=(),
        groups=[("fine-tuning", 2), ("edited class", 2), ("an edit moves", 2)],
        columns=["loss", "weights moved", "seen", "probability", "object", "background"],
        lines=[_line(point, found.judge) for point in found.points],
    )


def _line(point: Point, judge: str) -> Line:
    weight = "not fine-tuned" if point.weight is None else f"{point.weight:g}"
    if point.protocol == "equal":
        weight += f" ({_EQUAL})"
    shares = (point.seen.get(judge), point.probability.get(judge))
    numbers = [
        *(_number(value) for value in (point.loss, point.distance)),
        *(Number("—" if value is None else f"{100 * value:.0f}%") for value in shares),
        *(_number(value) for value in (point.object, point.background)),
    ]
    return Line([plain(point.method), weight], (), numbers)


def _number(value: float | None) -> Number:
    return Number("—" if value is None else f"{value:.3g}")
