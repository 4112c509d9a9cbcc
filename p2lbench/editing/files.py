"""An edit's folder: a strip to look at, the points, every image in both frames, and edit.json."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2lbench.editing.edited import Step
from p2lbench.editing.output import checked_name, prepared
from p2lbench.editing.pictures import pixels_of, write
from p2lbench.errors import Place, StoreError, UserError
from p2lbench.projection import Projection
from p2lbench.report import strip
from p2lbench.storedpoints import points_of, refuse_large, tensors_of

if TYPE_CHECKING:
    from torch import Tensor

EDITS = "edits"  # in a results folder
TOLD = "edit.json"
POINTS = "latents.safetensors"
STRIP = "strip.png"
OWNED = (TOLD, POINTS, STRIP, "generated-*.png", "original-*.png")
ACROSS = 10  # tiles of a grid of classes, at most
MAX_TOLD = 10_000_000  # bytes of an edit.json


def write_edit(
    folder: Path, before: Projection, edits: Sequence[Sequence[Step]], finetuned: str | None
) -> dict[str, Any]:
    """Write all that became of a projection `before` it was edited, each edit step by step.

    Returns: what edit.json says.

    Raises:
        UserError: the folder has other files in it, or cannot be written.
    """
    steps = [step for edit in edits for step in edit]
    prepared(folder, OWNED)
    told = {**_about(before, finetuned), "folder": str(folder), "steps": []}
    try:
        for k, step in enumerate(steps):
            told["steps"].append(_written(folder, k, step))
        (folder / POINTS).write_bytes(_points(steps))
        _draw(folder / STRIP, before, edits)
        (folder / TOLD).write_text(json.dumps(told, indent=2, allow_nan=False) + "\n", "utf-8")
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}") from error
    return told


def read_told(results: Path, name: str) -> dict[str, Any]:
    """What the edit.json of an edit of a results folder says.

    Raises:
        UserError: there is none of that name, or it is not readable.
    """
    path = results / EDITS / checked_name("--edit", name) / TOLD
    if not path.is_file():
        known = sorted(each.parent.name for each in (results / EDITS).glob(f"*/{TOLD}"))
        there = f"There are: {', '.join(known[:20])}" if known else "p2lbench edit makes one"
        raise UserError(f"--edit: no edit '{name}' in {results}. {there}")
    try:
        if path.stat().st_size > MAX_TOLD:
            raise ValueError(f"more than {MAX_TOLD // 10**6} MB")
        told = json.loads(path.read_text("utf-8"))
        for key, kinds in _KINDS.items():
            if not isinstance(told[key], kinds) or isinstance(told[key], bool):
                raise ValueError(f"{key}: {told[key]!r}")
        return {**told}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"not an edit that p2lbench wrote ({error})", Place(str(path))) from error


_KINDS: dict[str, Any] = {
    "row": list,
    "image": str,
    "repeat": int,
    "candidate": int,
    "cell": str,
    "finetuned": (str, type(None)),
    "steps": list,
}


def read_step(
    results: Path, name: str, told: Mapping[str, Any], projection: Projection, asked: int | None
) -> tuple[int, Projection]:
    """One step of an edit of this projection, by number from 0; the last if None.

    Raises:
        UserError: there is no such step. StoreError: its points are not this projection's.
    """
    path = results / EDITS / name / POINTS
    count = len(told["steps"])
    step = count - 1 if asked is None else asked
    if not 0 <= step < count:
        raise UserError(f"--step: expected 0 to {count - 1}, got {step}")
    if told["cell"] != projection.row.cell:
        raise StoreError(f"{path}: an edit of another cell than the folder has now: edit again")
    try:
        refuse_large(path)
        points = points_of(tensors_of(path.read_bytes()), projection.setting.space, count)
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: not the points of this edit ({error})") from error
    return step, projection.moved(projection.setting.space.split(points[step, None]))


def _about(projection: Projection, finetuned: str | None) -> dict[str, Any]:
    row = projection.row
    return {
        "image": row.image,
        "row": [*row.row],
        "repeat": row.repeat,
        "cell": row.cell,
        "candidate": projection.candidate,
        "finetuned": finetuned,
    }


def _written(folder: Path, k: int, step: Step) -> dict[str, Any]:
    files = {"generated": f"generated-{k}.png", "original": f"original-{k}.png"}
    write(folder / files["generated"], pixels_of(step.projection.image()))
    write(folder / files["original"], pixels_of(step.projection.original()))
    return {
        "edit": step.edit.name,
        "unit": step.edit.unit,
        "strength": step.strength,
        "clamped": step.clamped,
        **files,
    }


def _points(steps: Sequence[Step]) -> bytes:
    """Of all steps in order, by the names of the variables; the transform's as well."""
    import torch
    from safetensors.torch import save

    every = torch.cat([step.projection.point for step in steps])
    parts: dict[str, Tensor] = steps[0].projection.setting.space.split(every)
    return save({name: value.cpu().contiguous() for name, value in parts.items()})


def _draw(path: Path, before: Projection, edits: Sequence[Sequence[Step]]) -> None:
    first = [
        strip.Tile(pixels_of(seen(before)), "photo"),
        strip.Tile(pixels_of(before.image()), "projection"),
    ]
    if len(edits) > 1 and all(len(edit) == 1 for edit in edits):
        tiles = [_tile(step, step.edit.name) for (step,) in edits]
        lines = strip.wrapped([*first, *tiles], ACROSS)
    else:
        lines = [
            strip.Line(
                f"{edit[0].edit.name} ({edit[0].edit.unit})",
                [*first, *(_tile(step, f"{step.strength:+.3g}") for step in edit)],
            )
            for edit in edits
        ]
    note = "in the generator's frame; the photo as it saw it"
    strip.draw(path, before.row.image, note, lines)


def seen(projection: Projection) -> Tensor:
    """(1, 3, H, W): T(y), the photo in the generator's frame."""
    import torch

    if projection.transform is None or projection.phi is None:
        return projection.target
    with torch.no_grad():
        return projection.transform.apply(projection.target, projection.phi)


def _tile(step: Step, caption: str) -> strip.Tile:
    return strip.Tile(pixels_of(step.projection.image()), caption)
