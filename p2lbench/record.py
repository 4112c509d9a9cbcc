"""What a cell is handed to a worker as, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["ok", "failed", "timeout", "diverged", "skipped"]
KEPT: tuple[Status, ...] = ("ok", "diverged", "skipped")
FRAMES = ("original", "aligned", "unmasked")
DIAGNOSTICS = (
    "coverage",
    "round_trip",
    "placement",
    "scale",
    "brightness",
    "class_moved",
    "class_crossed",
    "gap",
    "optimum",
)


@dataclass(frozen=True)
class Trace:
    """The best objective so far, per candidate, at log-spaced numbers of passes.

    `best` has one row per entry of `passes`, one column per candidate; NaN where a candidate had
    no evaluation yet. Original-frame values where there are any, else aligned ones.
    """

    passes: tuple[int, ...] = ()
    seconds: tuple[float, ...] = ()
    best: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class Record:
    """One planned cell's outcome, whatever happened.

    `objective`: original-frame objective of each returned candidate.
    `start`: a number of each candidate's start, to know it by (recording.fingerprint).
    `metrics`: frame → metric → one value per candidate (None: not finite).
    `diagnostics`: name → one value per candidate (see diagnostics.py).
    `measured`: metric → hash of all that decides its value, to know when it must be computed anew.
    `missing`: metric → why it has no value (weights not found, ...).
    `latents`, `best_seen`: safetensors bytes of the returned and of the best-seen points by name.
    `images`: PNG bytes of the returned candidates side by side, original frame.
    """

    cell: str
    status: Status
    reason: str = ""
    objective: tuple[float | None, ...] = ()
    start: tuple[float | None, ...] = ()
    metrics: Mapping[str, Mapping[str, tuple[float | None, ...]]] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    diagnostics: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    measured: Mapping[str, str] = field(default_factory=dict)
    ledger: Mapping[str, float] = field(default_factory=dict)
    trace: Trace = field(default_factory=Trace)
    notes: tuple[str, ...] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)
    latents: bytes = b""
    images: bytes = b""

    @property
    def selected(self) -> int | None:
        """The candidate with the lowest finite original-frame objective."""
        finite = [(value, k) for k, value in enumerate(self.objective) if value is not None]
        return min(finite)[1] if finite else None


@dataclass(frozen=True)
class Rescored(Record):
    """What the points of an earlier run come to now: no search, so no ledger and no trace.

    `best_seen`: frame (`original`, `aligned`) → the objective of each candidate's best-seen point;
    empty if none were stored.
    """

    best_seen: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
