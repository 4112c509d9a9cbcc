"""A results folder as lines that other programs read, in the plan's order and page by page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Literal

from p2lbench.leaderboard import AXES
from p2lbench.plan import PlanRow
from p2lbench.record import Record
from p2lbench.store import Store

Per = Literal["value", "cell"]
Type = Literal["text", "number", "whole", "flag"]

_CELL: dict[str, Type] = {
    **dict.fromkeys((*AXES, "image"), "text"),
    "repeat": "whole",
    "cell": "text",
    "status": "text",
}
_COUNTS = (
    *("passes", "forwards", "backwards", "perceptual_forwards", "perceptual_backwards"),
    *("target_preparations", "init_forwards"),
)
_SECONDS = ("seconds", "objective_seconds", "optimizer_seconds")
COLUMNS: dict[Per, dict[str, Type]] = {
    "value": {
        **_CELL,
        "candidate": "whole",
        "selected": "flag",
        "objective": "number",
        "frame": "text",
        "metric": "text",
        "value": "number",
    },
    "cell": {
        **_CELL,
        "reason": "text",
        "candidates": "whole",
        "selected": "whole",
        "objective": "number",
        **dict.fromkeys(_COUNTS, "whole"),
        **dict.fromkeys(_SECONDS, "number"),
        **dict.fromkeys(("torch", "device", "dtype", "environment", "notes", "missing"), "text"),
    },
}
Line = Sequence[Any]  # in the order of COLUMNS; None where there is nothing


def pages(store: Store, per: Per, size: int = 50_000) -> Iterator[list[Line]]:
    """The lines of a folder, at most about `size` at a time; one empty page if there is none.

    Args:
        per: `value`: a line for each candidate, frame and metric of each cell, and with the frame
            `diagnostics` for each diagnostic; `cell`: a line for each planned cell, one without a
            status if it was not run yet.

    Raises:
        StoreError: the folder is damaged.
    """
    page: list[Line] = []
    lines = _values if per == "value" else _cell
    for planned, record in store.records():
        page.extend(lines(planned, record))
        if len(page) >= size:
            yield page
            page = []
    yield page


def _start(planned: PlanRow, record: Record | None) -> tuple[Any, ...]:
    status = None if record is None else record.status
    return (*planned.row, planned.image, planned.repeat, planned.cell, status)


def _values(planned: PlanRow, record: Record | None) -> Iterator[Line]:
    if record is None:
        return
    start, chosen = _start(planned, record), record.selected
    frames = chain(record.metrics.items(), [("diagnostics", record.diagnostics)])
    for frame, metrics in frames:
        for metric, values in metrics.items():
            for k, value in enumerate(values):
                objective = record.objective[k] if k < len(record.objective) else None
                yield (*start, k, k == chosen, objective, frame, metric, value)


def _cell(planned: PlanRow, record: Record | None) -> Iterator[Line]:
    start = _start(planned, record)
    if record is None:
        yield (*start, *[None] * (len(COLUMNS["cell"]) - len(start)))
        return
    chosen, ledger, env = record.selected, record.ledger, record.environment
    yield (
        *start,
        record.reason or None,
        len(record.objective),
        chosen,
        None if chosen is None else record.objective[chosen],
        *(_whole(ledger.get(name)) for name in _COUNTS),
        *(ledger.get(name) for name in _SECONDS),
        *(_text(env.get(name)) for name in ("torch", "device", "dtype")),
        _json(env),
        "; ".join(record.notes) or None,
        _json(record.missing),
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _json(value: Any) -> str | None:
    return json.dumps(value, sort_keys=True) if value else None
