"""Results folders of one suite, joined: the cells of several machines in one plan."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from p2lbench import folder as disk
from p2lbench.audit.findings import FLOOR
from p2lbench.audit.labels import MAX_ENVIRONMENT, MERGED, SUITE
from p2lbench.errors import StoreError, UserError
from p2lbench.film import without_film
from p2lbench.identity import decided_by
from p2lbench.measured import ADDED
from p2lbench.plan import PlanRow
from p2lbench.record import KEPT, Record
from p2lbench.spec import canonical
from p2lbench.store import Store, folder_of
from p2lbench.storedimage import StoredImage
from p2lbench.yamlfile import decode, read_bytes

# Of a header: what the plans of several folders add to, by name; the rest must be equal.
_JOINED = ("losses", "settings", "classes", "parts", "cites")
_LISTED = ("notes", "uncoupled")


@dataclass(frozen=True)
class Conflict:
    """A cell whose points in `folder` are others than those that were kept."""

    row: PlanRow
    folder: Path
    deviation: float | None

    def to_json(self) -> dict[str, Any]:
        """As `merge --json` has it."""
        return {
            "cell": self.row.cell,
            "row": self.row.row,
            "image": self.row.image,
            "repeat": self.row.repeat,
            "folder": str(self.folder),
            "deviation": self.deviation,
        }


@dataclass
class Merged:
    """What came of it. `taken`: folder → how many records are its."""

    suite: str
    folder: Path
    taken: dict[str, int] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)


def merge(folders: Sequence[Path], results: Path, output: Path | None = None) -> Merged:
    """Join results folders, which are only read, into a new one.

    Args:
        results: the parent of the new folder, which has the suite's name.
        output: the new folder itself, instead.

    Raises:
        UserError: they are not of one suite, or the new folder is there and not empty.
        StoreError: one of them cannot be read, or the new one not written.
    """
    with contextlib.ExitStack() as stack:
        stores = [stack.enter_context(Store.open_read(folder)) for folder in folders]
        if len({store.folder.resolve() for store in stores}) < len(stores):
            raise UserError("merge: the same folder twice; expected different ones")
        header = _header(stores)
        rows, identities = _plan(stores)
        images = _check_images(stores)
        name = str(header["name"])
        made = output.absolute() if output is not None else folder_of(results.absolute(), name)
        if os.path.lexists(made) and (not made.is_dir() or os.listdir(made)):
            raise UserError(f"{made}: this exists. Expected a new or an empty folder; use -o")
        merged = Merged(name, made)
        with _whole(made) as beside, Store.create_or_open(beside, name) as target:
            target.set_plan(rows, identities.items())
            _describe(target, stores, header, images)
            _take(target, stores, rows, merged)
    return merged


@contextlib.contextmanager
def _whole(folder: Path) -> Any:
    """A folder beside the one that it becomes, if nothing goes wrong."""
    with disk.explained(folder), contextlib.ExitStack() as undo:
        made: list[Path] = []
        undo.callback(disk.remove_made, made)
        disk.make(folder.parent, made)
        beside = Path(tempfile.mkdtemp(prefix=".merging-", dir=folder.parent))
        undo.callback(shutil.rmtree, beside, ignore_errors=True)
        yield beside
        beside.chmod(0o755)
        if folder.is_dir():
            folder.rmdir()
        beside.rename(folder)
        undo.pop_all()


def _header(stores: Sequence[Store]) -> dict[str, Any]:
    """The header of all: of one suite, or it raises UserError with what differs."""
    first = stores[0].header()
    for store in stores:
        if not (other := store.header()):
            raise StoreError(f"{store.folder}: no run has been planned here yet")
        _check_metrics(stores[0], store)
        for key in {**first, **other}:
            mine, its = first.get(key), other.get(key)
            if key in _JOINED:
                first[key] = _joined(key, mine or {}, its or {}, stores[0], store)
            elif key in _LISTED:
                first[key] = [*(mine or ()), *(x for x in its or () if x not in (mine or ()))]
            elif key == "reference" and mine and its:
                first[key] = _one_reference(mine, its, stores[0], store)
            elif key == "targets" and mine and its:
                first[key] = _one_targets(mine, its, stores[0], store)
            elif key == "repeats":
                first[key] = max(mine or 1, its or 1)
            elif mine != its:
                raise _differ(stores[0], store, key, mine, its)
    return first


def _check_metrics(first: Store, store: Store) -> None:
    """Raises: UserError if the folders have other metrics, or the same ones made otherwise."""
    mine, its = (
        {each["name"]: {**each, ADDED: None} for each in one.metrics()} for one in (first, store)
    )
    if mine.keys() != its.keys():
        raise _differ(first, store, "metrics", ", ".join(sorted(mine)), ", ".join(sorted(its)))
    for name in mine:
        for key in {**mine[name], **its[name]}:
            one, other = mine[name].get(key), its[name].get(key)
            if one != other:
                raise _differ(first, store, f"{key} of the metric '{name}'", one, other)


def _joined(key: str, mine: Any, its: Any, first: Store, store: Store) -> dict[str, Any]:
    for name in mine.keys() & its.keys():
        if mine[name] != its[name]:
            raise _differ(first, store, f"{key} of '{name}'", mine[name], its[name])
    return {**mine, **its}


def _one_reference(mine: Any, its: Any, first: Store, store: Store) -> dict[str, Any]:
    """One reference, of which the folders may have taken different rows."""
    for key in ("suite", "sha256"):
        if mine.get(key) != its.get(key):
            raise _differ(first, store, f"{key} of the reference", mine.get(key), its.get(key))
    rows = [*mine["rows"], *(row for row in its["rows"] if row not in mine["rows"])]
    tuned_on = mine.get("tuned_on") or its.get("tuned_on")
    return {**mine, "rows": rows, "tuned_on": tuned_on}


def _one_targets(mine: Any, its: Any, first: Store, store: Store) -> dict[str, Any]:
    """Targets of one file, of which the folders may have other rows and images."""
    for key in ("sha256", "levels"):
        if mine.get(key) != its.get(key):
            raise _differ(first, store, f"{key} of the targets", mine.get(key), its.get(key))
    objectives: list[dict[str, Any]] = []
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for told in (mine, its):
        for row in told["rows"]:
            values, known = told["objectives"][row["objective"]], rows.get(tuple(row["row"]))
            if known is None:
                known = rows[tuple(row["row"])] = {**row, "objective": len(objectives)}
                objectives.append({})
            objectives[known["objective"]] |= values
            known["traced"] = known["traced"] and row["traced"]
    # Rows of equal values are compared with each other: they share one objective.
    kept: list[dict[str, Any]] = []
    for row in rows.values():
        values = objectives[row["objective"]]
        if values not in kept:
            kept.append(values)
        row["objective"] = kept.index(values)
    return {**mine, "objectives": kept, "rows": [*rows.values()]}


def _differ(first: Store, store: Store, what: str, mine: Any, its: Any) -> UserError:
    return UserError(
        f"{store.folder}: {what}: {str(its)[:200]}, but {str(mine)[:200]} in {first.folder}. "
        "Expected folders of one suite"
    )


def _plan(stores: Sequence[Store]) -> tuple[list[PlanRow], dict[str, str]]:
    """The union of the plans, the first's order first, and what decides all cells, by id."""
    found: dict[tuple[Any, ...], tuple[PlanRow, Store]] = {}
    identities: dict[str, str] = {}
    seeds: dict[Any, Store] = {}
    for store in stores:
        for row in store.plan():
            content, method = decided_by(store, row.cell)
            identities |= {row.cell: canonical(content), content["method"]: canonical(method)}
            seeds.setdefault(content["seed"], store)
            if len(seeds) > 1:
                raise _differ(next(iter(seeds.values())), store, "seed", *seeds)
            before, where = found.setdefault(row[:3], (row, store))
            if before.cell != row.cell:
                why = _why(decided_by(where, before.cell), decided_by(store, row.cell))
                what = f"row {' | '.join(row.row)} on {row.image}: other {why}"
                raise _differ(where, store, what, before.cell[:12], row.cell[:12])
    return [row for row, _ in found.values()], identities


def _why(one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> str:
    """Which parts of what decides two cells are not the same."""
    keys = {
        key
        for mine, its in zip(one, other, strict=True)
        for key in {**mine, **its}
        if mine.get(key) != its.get(key)
    }
    words = {"origins": "versions of code"}
    names = sorted(words.get(key, key) for key in keys)
    return ", ".join(name for name in names if name != "method" or len(names) == 1)


def _check_images(stores: Sequence[Store]) -> list[StoredImage]:
    """Every image, of the first folder that has it; one name is one image everywhere."""
    found: dict[str, tuple[StoredImage, Store]] = {}
    for store in stores:
        for name, image in store.images().items():
            first, where = found.setdefault(name, (image, store))
            if first != image:
                mine, its = first.digest[:12], image.digest[:12]
                raise _differ(where, store, f"the image '{name}'", mine, its)
    return [image for image, _ in found.values()]


def _describe(
    target: Store,
    stores: Sequence[Store],
    header: Mapping[str, Any],
    images: Sequence[StoredImage],
) -> None:
    for image in images:
        target.put_image(image.image(image.class_name), image.pixels, image.mask)
    target.set_images(image.image(image.class_name) for image in images)
    target.set_metrics(stores[0].metrics())
    target.set_header(header)
    if (suite := stores[0].folder / SUITE).is_file():
        target.write_suite(read_bytes(suite))
    parts = [{"folder": str(s.folder), **_environment(s), **_suite(s)} for s in stores]
    target.write_environment({**_environment(stores[0]), MERGED: parts})


def _suite(store: Store) -> dict[str, str]:
    """A part's suite as run, which may have other rows than the first's."""
    try:
        return {SUITE: decode(read_bytes(store.folder / SUITE), SUITE)}
    except UserError:
        return {}


def _environment(store: Store) -> dict[str, Any]:
    path = store.folder / "environment.json"
    try:
        found = json.loads(read_bytes(path, MAX_ENVIRONMENT))
    except (UserError, OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _take(target: Store, stores: Sequence[Store], rows: Sequence[PlanRow], merged: Merged) -> None:
    """The best record of every cell; those that are kept are held against each other."""
    merged.taken = {str(store.folder): 0 for store in stores}
    for row in {row.cell: row for row in rows}.values():
        chosen: tuple[Record, Store] | None = None
        for store in stores:
            if (record := store.get(row.cell)) is None:
                continue
            if chosen is None or _rank(record) > _rank(chosen[0]):
                chosen = record, store
            elif record.status in KEPT and _differing(chosen[0], record):
                apart = deviation(chosen[0].latents, record.latents)
                merged.conflicts.append(Conflict(row, store.folder, apart))
        if chosen is not None:
            target.put(chosen[0])
            merged.taken[str(chosen[1].folder)] += 1


def _rank(record: Record) -> int:
    return int(record.status in KEPT)


def _differing(one: Record, other: Record) -> bool:
    apart = deviation(one.latents, other.latents) if one.latents != other.latents else 0.0
    return one.status != other.status or apart != 0


def deviation(one: bytes, other: bytes) -> float | None:
    """The largest of two cells' points, relative to |one| + 0.01; None if they do not compare."""
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        mine, its = without_film(load(one)), without_film(load(other))
    except SafetensorError:
        return None
    same = mine.keys() == its.keys() and all(mine[k].shape == its[k].shape for k in mine)
    if not same:
        return None
    apart = [np.abs(mine[k] - its[k]) / (np.abs(mine[k]) + FLOOR) for k in mine]
    largest = max((float(each.max(initial=0.0)) for each in apart), default=0.0)
    return largest if np.isfinite(largest) else None
