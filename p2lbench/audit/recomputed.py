"""A stored record against what its points come to now."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image as Pillow

from p2lbench.audit.findings import DECIBEL, FLOOR, Findings, Where
from p2lbench.record import FRAMES, Record, Rescored
from p2lbench.reference.folder import FROM
from p2lbench.spec import Spec

GREY_LEVELS = 1  # that a stored picture may be off by: it is rounded
FLOORS = {"psnr": DECIBEL}  # a logarithm: a relative change of what it measures is an absolute one

Values = tuple[float | None, ...]


def compare(
    stored: Record,
    found: Rescored,
    metrics: Mapping[str, Spec],
    where: Where,
    findings: Findings,
) -> None:
    """Every number and picture of a record. `stored` has its files."""
    _numbers(where, "objective", stored.objective, found.objective, findings)
    if stored.status == "diverged" and None not in found.objective:
        findings.differ(where, "status", "diverged", "every objective is finite")
    _starts(stored, found, where, findings)
    for label, spec in metrics.items():
        _metric(label, spec, stored, found, where, findings)
    _diagnostics(stored, found, where, findings)
    _best_seen(stored, found, where, findings)
    _picture(stored.images, found.images, where, findings)


def _numbers(
    where: Where,
    what: str,
    stored: Values,
    found: Values,
    findings: Findings,
    floor: float = FLOOR,
) -> None:
    if len(stored) != len(found):
        findings.differ(where, what, f"{len(stored)} values", f"{len(found)} values")
        return
    for k, (before, now) in enumerate(zip(stored, found, strict=True)):
        findings.number(where, f"{what} of candidate {k}", before, now, floor)


def _starts(stored: Record, found: Rescored, where: Where, findings: Findings) -> None:
    """The number by which each candidate's start is known, of starts that are drawn again.

    A reference's need not be those of here: its row has a note of that.
    """
    row = f"{' | '.join(where.row or ())}: the starts"
    if not stored.start:
        findings.remark(f"{row} were not recorded")
    elif FROM not in stored.environment:
        _numbers(where, "start", stored.start, found.start, findings)
    elif stored.start != found.start:
        findings.remark(f"{row}, which a reference tells of, are not all those of here")


def _metric(
    label: str, spec: Spec, stored: Record, found: Rescored, where: Where, findings: Findings
) -> None:
    for frame in FRAMES:
        values = stored.metrics.get(frame, {}).get(label)
        now = found.metrics.get(frame, {}).get(label)
        if values is None and (label in stored.missing or stored.status == "failed"):
            continue  # the run said why: there is nothing to verify
        if values is None or now is None:
            findings.differ(where, f"{label} ({frame})", values, now)
            continue
        floor = FLOORS.get(spec.name, FLOOR)
        _numbers(where, f"{label} ({frame})", values, now, findings, floor)


def _diagnostics(stored: Record, found: Rescored, where: Where, findings: Findings) -> None:
    if stored.status == "diverged" or "diagnostics" in stored.missing:
        return
    for name in sorted({*stored.diagnostics, *found.diagnostics}):
        before, now = stored.diagnostics.get(name), found.diagnostics.get(name)
        if before is None or now is None:
            findings.differ(where, name, before, now)
        else:
            _numbers(where, name, before, now, findings)


def _best_seen(stored: Record, found: Rescored, where: Where, findings: Findings) -> None:
    """The trace ends with the objective of the best-seen points, in one of the two frames."""
    last = stored.trace.best[-1] if stored.trace.best else ()
    frames = found.best_seen.get("original", ()), found.best_seen.get("aligned", ())
    if not len(last) == len(frames[0]) == len(frames[1]):
        findings.differ(where, "trace", f"{len(last)} candidates", f"{len(frames[0])} best seen")
        return
    for k, (before, *now) in enumerate(zip(last, *frames, strict=True)):
        if before != before:  # nothing was evaluated: the point is the start
            continue
        nearest = min(now, key=lambda value: _apart(before, value))
        findings.number(where, f"best seen of candidate {k}", before, nearest)


def _apart(stored: float, found: float | None) -> float:
    return float("inf") if found is None else abs(stored - found)


def _picture(stored: bytes, found: bytes, where: Where, findings: Findings) -> None:
    """PNG against PNG; the stored one is not decoded unless it has the size of the other."""
    findings.compared += 1
    if stored == found:
        findings.bitwise += 1
        return
    now, before = _pixels(found, None), None
    try:
        before = _pixels(stored, now.shape)
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
        findings.differ(where, "picture", str(error), "the images of the points")
        return
    most = int(np.abs(before.astype(int) - now.astype(int)).max())
    if most > GREY_LEVELS:
        findings.differ(where, "picture", f"{most} grey levels off", "the images of the points")
    elif most == 0:
        findings.bitwise += 1


def _pixels(png: bytes, shape: Any) -> Any:
    with Pillow.open(io.BytesIO(png), formats=["PNG"]) as picture:
        size = (picture.height, picture.width, len(picture.getbands()))
        if picture.mode != "RGB" or shape not in (None, size):
            raise ValueError(f"a picture of {size} {picture.mode}, not of {shape} RGB")
        return np.asarray(picture)
