"""An edit that a results folder has, read back: which projection it was of, and its steps."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from p2lbench.editing.files import EDITS, POINTS, TOLD
from p2lbench.editing.output import checked_name
from p2lbench.errors import StoreError, UserError
from p2lbench.finetuning.stored import WEIGHTS, folder_name, names
from p2lbench.finetuning.stored import find as tuned
from p2lbench.projection import Projection, load, not_planned, of_cell
from p2lbench.registry import Registry
from p2lbench.store import Store
from p2lbench.storedpoints import points_of, refuse_large, tensors_of


@dataclass(frozen=True)
class Stored:
    """`names`: the edit and the strength of every step, as text. `weights`: the hash of those that
    were fine-tuned, None without."""

    folder: Path
    cell: str
    candidate: int
    finetuned: str | None
    weights: str | None
    names: tuple[str, ...]


def find(results: Path, name: str) -> Stored:
    """An edit by its folder's name.

    Raises:
        UserError: there is none. StoreError: what it says is not readable.
    """
    folder = results / EDITS / checked_name("--edit", name)
    if not (folder / TOLD).is_file():
        known = sorted(each.parent.name for each in (results / EDITS).glob(f"*/{TOLD}"))
        there = f"There are: {', '.join(known[:20])}" if known else "p2lbench edit makes one"
        raise UserError(f"--edit: no edit '{name}' in {results}. {there}")
    try:
        refuse_large(folder / TOLD)
        told = json.loads((folder / TOLD).read_bytes())
        names = tuple(f"{step['edit']} {step['strength']:+.3g}" for step in told["steps"])
        candidate, finetuned = told["candidate"], told["finetuned"]
        weights = None if finetuned is None else str(told["weights"])
        if not isinstance(candidate, int) or not isinstance(finetuned, str | None) or not names:
            raise ValueError("no candidate, or no steps")
        return Stored(folder, str(told["cell"]), candidate, finetuned, weights, names)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        message = f"{folder / TOLD}: not what p2lbench edit writes ({error!r:.200})"
        raise StoreError(message) from error


def before(stored: Stored, results: Path, registry: Registry, device: str) -> Projection:
    """The projection that was edited.

    Raises: UserError, StoreError: as `projection.load`; the fine-tuned generator of that name is
        another projection's by now.
    """
    with Store.open_read(results) as store:
        row = next((row for row in store.plan() if row.cell == stored.cell), None)
        if row is None:
            raise not_planned(stored.folder)
        if stored.finetuned is None:
            return of_cell(store, registry, row, stored.candidate, device)
    own = folder_name(stored.cell, stored.candidate, stored.finetuned)
    name = own if own in names(results) else stored.finetuned
    found = load(results, registry, finetuned=name, device=device)
    if (found.row.cell, found.candidate) != (stored.cell, stored.candidate):
        message = f"'{stored.finetuned}' is of another projection than what was edited: edit again"
        raise StoreError(f"{stored.folder}: {message}")
    if tuned(results, name).hashes.get(WEIGHTS) != stored.weights:
        message = f"'{stored.finetuned}' was fine-tuned anew since it was edited: edit again"
        raise StoreError(f"{stored.folder}: {message}")
    return found


def after(stored: Stored, projection: Projection, asked: int | None) -> tuple[int, Projection]:
    """A step's number and where it led; the last step if None is asked for.

    Raises:
        UserError: there is no such step. StoreError: the points are not this projection's.
    """
    path, count = stored.folder / POINTS, len(stored.names)
    step = count - 1 if asked is None else asked
    if not 0 <= step < count:
        raise UserError(f"--step: expected 0 to {count - 1}, got {step}")
    space = projection.setting.space
    try:
        refuse_large(path)
        points = points_of(tensors_of(path.read_bytes()), space, count)
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: not the points of this edit ({error})") from error
    return step, projection.moved(space.split(points[step, None]))
