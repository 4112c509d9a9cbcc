"""Records as JSON and back. JSON has no NaN: what is not finite becomes null."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

from p2lbench.record import Record, Trace


def clean(value: Any) -> Any:
    """A JSON-ready copy: NumPy numbers made plain, non-finite ones null, the unknown as text."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(item) for item in value]
    return str(value)


def dump(value: Any) -> str:
    """`clean(value)` as compact JSON, pure ASCII: any text survives, lone surrogates included."""
    return json.dumps(clean(value), allow_nan=False, separators=(",", ":"))


def body(record: Record) -> str:
    """All of a record but its cell, status, trace and files."""
    return dump(
        {
            "reason": record.reason,
            "objective": record.objective,
            "start": record.start,
            "metrics": record.metrics,
            "missing": record.missing,
            "diagnostics": record.diagnostics,
            "measured": record.measured,
            "ledger": record.ledger,
            "notes": record.notes,
            "environment": record.environment,
        }
    )


def trace(record: Record) -> str:
    """A record's trace; a NaN in `best` (no evaluation yet) is null."""
    return dump(vars(record.trace))


def load(cell: str, status: Any, body: str, trace: str = "") -> Record:
    """A record without its files. Raises: ValueError, KeyError, TypeError if damaged."""
    plain = json.loads(body)
    record = Record(
        cell=cell,
        status=status,
        reason=plain["reason"],
        objective=tuple(plain["objective"]),
        start=tuple(plain.get("start", ())),
        metrics=_frames(plain["metrics"]),
        missing=plain["missing"],
        diagnostics=_values(plain.get("diagnostics", {})),
        measured=plain["measured"],
        ledger=plain["ledger"],
        notes=tuple(plain["notes"]),
        environment=plain["environment"],
    )
    return replace(record, trace=_trace(json.loads(trace))) if trace else record


def _frames(plain: Any) -> dict[str, dict[str, tuple[float | None, ...]]]:
    return {frame: _values(metrics) for frame, metrics in plain.items()}


def _values(plain: Any) -> dict[str, tuple[float | None, ...]]:
    return {name: tuple(values) for name, values in plain.items()}


def _trace(plain: Any) -> Trace:
    best = tuple(
        tuple(math.nan if value is None else value for value in row) for row in plain["best"]
    )
    return Trace(tuple(plain["passes"]), tuple(plain["seconds"]), best)
