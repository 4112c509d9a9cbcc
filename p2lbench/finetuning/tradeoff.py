"""Figure 18 of the paper as numbers: how well photos are met, against what edits still do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import numpy as np

from p2lbench.choosing import told
from p2lbench.errors import StoreError
from p2lbench.spec import digest
from p2lbench.store import Store
from p2lbench.storedpoints import refuse_large

DOCUMENT = "tradeoff.json"


@dataclass(frozen=True)
class Point:
    """A method with one variant, averaged over images (`images` of them) and their edits.

    `weight`: lambda; None if nothing was fine-tuned. `seen`, `probability`: judge → the share of
    edited classes that it sees, and the probability that it gives them. `object`, `background`: how
    far an edit moved the pixels inside of the mask and outside. `missing`: entries that failed.
    """

    method: str
    protocol: str
    weight: float | None
    images: int
    missing: int
    loss: float | None
    distance: float | None
    steps: float | None
    reached: int
    metrics: dict[str, float | None]
    seen: dict[str, float | None]
    probability: dict[str, float | None]
    object: float | None
    background: float | None


@dataclass(frozen=True)
class TradeOff:
    """`points`: in the suite's order of methods, of each its variants; `judge`: the classifier
    that figures are about, the last one that the suite names. `plan`: of what cells it is."""

    suite: str
    judge: str
    points: tuple[Point, ...]
    failed: tuple[dict[str, Any], ...]
    plan: str = ""

    def to_json(self) -> dict[str, Any]:
        """The content of tradeoff.json."""
        return {
            "suite": self.suite,
            "plan": self.plan,
            "judge": self.judge,
            "points": [asdict(point) for point in self.points],
            "failed": list(self.failed),
        }

    @classmethod
    def read(cls, plain: Any) -> TradeOff:
        """The inverse of `to_json`. Raises: KeyError, TypeError, ValueError if it is none."""
        points = tuple(Point(**point) for point in plain["points"])
        for point in points:
            _check(point)
        suite, judge, plan = str(plain["suite"]), str(plain["judge"]), str(plain.get("plan", ""))
        return cls(suite, judge, points, tuple(plain["failed"]), plan)

    def of(self, protocol: str) -> dict[str, list[Point]]:
        """Method → its points of a protocol."""
        found: dict[str, list[Point]] = {point.method: [] for point in self.points}
        for point in self.points:
            if point.protocol == protocol:
                found[point.method].append(point)
        return found


def plan_of(store: Store) -> str:
    """The hash of the cells that a folder plans."""
    return digest([row.cell for row in store.plan()])


def of_folder(folder: Path) -> TradeOff | None:
    """What a results folder has of it; None if there is nothing.

    Raises:
        StoreError: its file is not what a run writes.
    """
    path = folder / DOCUMENT
    if not path.is_file():
        return None
    try:
        refuse_large(path)
        return TradeOff.read(json.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        why = f"not what a run writes ({error!r:.200}); run the suite again"
        raise StoreError(f"{path}: {why}") from error


def _check(point: Point) -> None:
    """Raises: ValueError if its fields are of other types."""
    numbers = [point.weight, point.loss, point.distance, point.steps]
    numbers += [point.object, point.background]
    for named in (point.metrics, point.seen, point.probability):
        if not isinstance(named, dict):
            raise ValueError("expected numbers by name")
        numbers += named.values()
    if not all(number is None or _is_number(number) for number in numbers):
        raise ValueError("expected numbers")
    counts = (point.images, point.missing, point.reached)
    if not all(isinstance(number, int) for number in counts):
        raise ValueError("expected whole numbers")
    if not isinstance(point.method, str) or not isinstance(point.protocol, str):
        raise ValueError("expected a method's name and a protocol")


def _is_number(value: Any) -> bool:
    """Whether it can be drawn as it is, or is one that a diverging run may write."""
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**53)


def gathered(
    suite: str, judges: Sequence[str], entries: Iterable[dict[str, Any]], plan: str = ""
) -> TradeOff:
    """The trade-off of the entries, in their order; `plan`: of their cells (`plan_of`)."""
    every = list(entries)
    names = told(list(dict.fromkeys(tuple(entry["row"]) for entry in every)))
    groups: dict[tuple[str, str, float | None], list[dict[str, Any]]] = {}
    for entry in every:
        weight = None if entry["options"] is None else entry["options"]["weight"]
        key = (names[tuple(entry["row"])], entry["protocol"], weight)
        groups.setdefault(key, []).append(entry)
    order = {name: k for k, name in enumerate(names.values())}
    points = [
        _point(method, protocol, weight, found, judges)
        for (method, protocol, weight), found in groups.items()
    ]
    points.sort(key=lambda point: order[point.method])
    bad = [entry for entry in every if entry["status"] != "ok"]
    shown = ("cell", "row", "image", "protocol", "options", "reason")
    failed = tuple({key: e[key] for key in shown} for e in bad)
    return TradeOff(suite, judges[-1], tuple(points), failed, plan)


def _point(
    method: str,
    protocol: str,
    weight: float | None,
    entries: Sequence[dict[str, Any]],
    judges: Sequence[str],
) -> Point:
    good = [entry for entry in entries if entry["status"] == "ok"]
    labels = list(dict.fromkeys(label for entry in good for label in entry["metrics"]))

    def edits(*path: str) -> float | None:
        """The mean of a value over an image's edits, then over images."""
        return _mean(
            _mean(reduce(getitem, path, edit) for edit in entry["edits"].values()) for entry in good
        )

    return Point(
        method,
        protocol,
        weight,
        len(good),
        len(entries) - len(good),
        _mean(entry["loss"]["after"] for entry in good),
        _mean(entry["distance"] for entry in good),
        _mean(entry["steps"] for entry in good),
        sum(bool(entry["reached"]) for entry in good),
        {label: _mean(entry["metrics"].get(label) for entry in good) for label in labels},
        {judge: edits("seen", judge) for judge in judges},
        {judge: edits("probability", judge) for judge in judges},
        edits("object"),
        edits("background"),
    )


def _mean(values: Iterable[Any]) -> float | None:
    """None of nothing, and where one has no value: holes are not averaged around."""
    found = list(values)
    return float(np.mean(found)) if found and None not in found else None
