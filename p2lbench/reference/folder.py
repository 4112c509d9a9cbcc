"""A published results folder, read as what a stranger wrote."""

from __future__ import annotations

import hashlib
import math
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from p2lbench.errors import StoreError
from p2lbench.folder import DATABASE, damaged, explained
from p2lbench.record import Record, Status
from p2lbench.store import Store

LONGEST = 64 * 2**20  # bytes of one text in the database
LARGEST = 2**30  # bytes of one cell's points
FROM = "reference"  # in a record's environment: the suite that it is from
_LABEL = 500  # characters of a row's or an image's name
_NOTES = 20
_NOTE = 300
_KNOWN = ("p2lbench", "torch", "device", "dtype", "threads")


@contextmanager
def opened(folder: Path) -> Iterator[Store]:
    """The results to read.

    Raises:
        StoreError: it is not a results folder, or one that cannot be trusted to be whole.
    """
    with explained(folder):
        database = folder / DATABASE
        if os.path.lexists(database) and not _is_file(database):
            raise damaged(folder, f"{DATABASE} is not a file")
    try:
        with Store.open_read(folder, longest=LONGEST) as store:
            yield store
    except RecursionError as error:
        raise damaged(folder, "its JSON is nested too deeply") from error


def names(folder: Path) -> tuple[str, ...]:
    """The row names of the optimizers that were run there. Raises: StoreError."""
    with opened(folder) as store:
        header(store)
        return tuple(dict.fromkeys(row.row[4] for row in store.plan()))


def header(store: Store) -> dict[str, Any]:
    """What is used of what the folder says of itself: suite, tuned_on, settings, uncoupled.

    Raises:
        StoreError: nothing was planned there, or names are not names.
    """
    plain = store.header()
    if not plain:
        raise StoreError(f"{store.folder}: no run has been planned here; nothing to compare with")
    found = {
        "suite": plain.get("name"),
        "tuned_on": plain.get("tuned_on"),
        "settings": plain.get("settings", {}),
        "uncoupled": plain.get("uncoupled", []),
    }
    texts = [found["suite"], found["tuned_on"] or ""]
    texts += [text for row in store.plan() for text in (*row.row, row.image)]
    mappings = isinstance(found["settings"], dict) and isinstance(found["uncoupled"], list)
    if not mappings or any(not isinstance(t, str) or len(t) > _LABEL for t in texts):
        raise damaged(store.folder, "what it says of the run is not readable")
    return found


def sha256(folder: Path) -> str:
    """Of the database."""
    with explained(folder), open(folder / DATABASE, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def taken(store: Store, cell: str, candidates: int, suite: str) -> Record:
    """A cell's record, without what is worked out anew: metrics, diagnostics, images.

    Raises:
        StoreError: there is none, it makes no sense, or its points are not those of the run.
    """
    try:
        return _taken(store, cell, candidates, suite)
    except StoreError as error:
        raise StoreError(f"the reference cannot be used: {error.message}") from error


def _taken(store: Store, cell: str, candidates: int, suite: str) -> Record:
    record = store.get(cell, files=False)
    if record is None:
        raise StoreError(f"{store.folder}: the record of cell {cell} went away")
    if not _sound(record, candidates):
        raise damaged(store.folder, f"the record of cell {cell} makes no sense")
    notes = [note[:_NOTE] for note in record.notes[:_NOTES]]
    known = {key: record.environment[key] for key in _KNOWN if key in record.environment}
    latents = _points(store, cell, record.status)
    return replace(
        record,
        # What has no points cannot be scored: it must not look as if it could.
        objective=record.objective if latents else (),
        metrics={},
        missing={},
        diagnostics={},
        measured={},
        notes=(f"from the results of '{suite}', not run here", *notes),
        environment={**known, FROM: suite},
        latents=latents,
    )


def _points(store: Store, cell: str, status: Status) -> bytes:
    """The points of an `ok` cell, or of one of which a metric alone failed."""
    if status not in ("ok", "failed"):
        return b""
    path = store.path("latents", cell)
    with explained(store.folder):
        if path.exists() and not (_is_file(path) and path.stat().st_size <= LARGEST):
            raise damaged(store.folder, f"{path.name} is no file, or larger than {LARGEST} bytes")
    found = store.file("latents", cell)
    if not found and status == "ok":
        raise damaged(store.folder, f"cell {cell} is ok and has no points")
    return found


def _is_file(path: Path) -> bool:
    return stat.S_ISREG(path.stat().st_mode)


def _sound(record: Record, candidates: int) -> bool:
    """Whether tables and figures can take it."""
    ok = record.status == "ok"
    return (
        record.status in get_args(Status)
        and isinstance(record.reason, str)
        and len(record.objective) in ({candidates} if ok else {0, candidates})
        and _numbers(record.objective, holes=not ok)
        and len(record.start) in (0, candidates)
        and _numbers(record.start)
        and isinstance(record.ledger, Mapping)
        and _numbers(record.ledger.values(), holes=True)
        and _is_trace(record, candidates)
        and all(isinstance(note, str) for note in record.notes)
        and isinstance(record.environment, Mapping)
        and all(isinstance(record.environment.get(key, ""), (str, int)) for key in _KNOWN)
    )


def _is_trace(record: Record, candidates: int) -> bool:
    trace = record.trace
    return (
        len(trace.passes) == len(trace.seconds) == len(trace.best)
        and all(len(row) == candidates and _numbers(row, nan=True) for row in trace.best)
        and _numbers(trace.passes)
        and _numbers(trace.seconds, holes=True)
        and list(trace.passes) == sorted(trace.passes)
    )


def _numbers(values: Iterable[Any], holes: bool = False, nan: bool = False) -> bool:
    def fits(value: Any) -> bool:
        if value is None:
            return holes
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return False
        return bool(abs(value) <= sys.float_info.max or (nan and math.isnan(value)))

    return all(map(fits, values))


def known_settings(settings: Mapping[str, Any], name: str) -> str | None:
    """How the options of an optimizer's row were chosen, if that is said in a known way."""
    said = settings.get(name)
    return said if said in ("tuned", "default", "paper") else None


def is_uncoupled(rows: Sequence[Any], labels: Sequence[str]) -> bool:
    """Whether the row's candidates did not influence each other, as the run found."""
    return list(labels) in rows
