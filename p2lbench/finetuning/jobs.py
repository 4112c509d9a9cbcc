"""The trade-off's entries: what there is to do, by content, and what is there already."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from p2lbench import weights
from p2lbench.choosing import candidate_of
from p2lbench.errors import UserError
from p2lbench.finetuning.wanted import Variant, Wanted
from p2lbench.folder import explained, settle, stage
from p2lbench.plan import PlanRow
from p2lbench.spec import digest
from p2lbench.store import Store

FOLDER = "tradeoff"
_FORMAT = 1
_MAX = 1 << 24  # bytes of an entry


@dataclass(frozen=True)
class Job:
    """One variant of one cell's selected candidate; `key`: the hash of all that decides it."""

    row: PlanRow
    candidate: int
    variant: Variant
    key: str

    def plain(self) -> dict[str, Any]:
        """What every entry begins with, JSON-ready."""
        row = self.row
        return {
            "key": self.key,
            "cell": row.cell,
            "row": list(row.row),
            "image": row.image,
            "repeat": row.repeat,
            "candidate": self.candidate,
            **self.variant.plain(),
        }


def jobs(store: Store, wanted: Wanted) -> Iterator[Job]:
    """All of them: every ok cell in the plan's order, with every variant."""
    judges = {name: _hash(name) for name in wanted.classifiers}
    metrics = [plain.get("spec") for plain in store.metrics()]
    common = [_FORMAT, judges, wanted.classes, metrics]
    seen: set[str] = set()
    for row, record in store.records():
        if record is None or record.status != "ok" or row.cell in seen:
            continue
        seen.add(row.cell)
        candidate = candidate_of(record)
        for variant in wanted.variants():
            key = digest([row.cell, candidate, variant.plain(), *common])
            yield Job(row, candidate, variant, key)


def lost(store: Store, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """An entry that failed for each variant of a planned cell that has nothing to begin with; a
    method is not to look better because its means are over fewer images. Skipped cells have none.
    """
    seen: set[str] = set()
    for row, record in store.records():
        if row.cell in seen or (record is not None and record.status in ("ok", "skipped")):
            continue
        seen.add(row.cell)
        status = "not run" if record is None else record.status
        why = f": {record.reason}" if record is not None and record.reason else ""
        for variant in wanted.variants():
            plain = Job(row, -1, variant, "").plain()
            yield {**plain, "candidate": None, "status": "failed", "reason": f"cell {status}{why}"}


def path(folder: Path, key: str, suffix: str = ".json") -> Path:
    """Where an entry, or its picture, is."""
    return folder / FOLDER / f"{key[:32]}{suffix}"


def kept(folder: Path, job: Job, judges: Sequence[str]) -> dict[str, Any] | None:
    """An entry that is there, whole, and went well; None if it is to be made, again or for the
    first time."""
    file = path(folder, job.key)
    try:
        if file.stat().st_size > _MAX:
            return None
        found = json.loads(file.read_bytes())
        right = found["status"] == "ok" and _whole(found, job, judges)
        return found if right and path(folder, job.key, ".png").is_file() else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _whole(entry: dict[str, Any], job: Job, judges: Sequence[str]) -> bool:
    """Whether it is this job's, with numbers where numbers are. Raises: KeyError, TypeError,
    AttributeError."""
    numbers = [entry["loss"]["after"], entry["distance"], entry["steps"], entry["seconds"]]
    numbers += [entry["loss"]["before"], *entry["metrics"].values()]
    for edit in entry["edits"].values():
        numbers += [edit[key][judge] for key in ("seen", "probability") for judge in judges]
        numbers += [edit["object"], edit["background"]]
    known = all(x is None or (isinstance(x, int | float) and isfinite(x)) for x in numbers)
    return known and "reached" in entry and all(entry[k] == v for k, v in job.plain().items())


def keep(folder: Path, entry: dict[str, Any], picture: bytes) -> None:
    """Write an entry and its picture, the picture first. Raises: StoreError."""
    with explained(folder):
        (folder / FOLDER).mkdir(exist_ok=True)
        text = json.dumps(entry, indent=1, allow_nan=False) + "\n"
        for suffix, data in ((".png", picture), (".json", text.encode())):
            stage(path(folder, entry["key"], suffix), data)
            settle(path(folder, entry["key"], suffix), bool(data))


def _hash(name: str) -> str | None:
    try:
        return weights.locate(name).sha256
    except UserError:
        return None
