"""What an edit leaves: a strip to look at, its points, images in both frames, and edit.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2lbench.editing.edited import Step
from p2lbench.editing.output import prepared
from p2lbench.editing.pictures import pixels_of, write
from p2lbench.errors import UserError
from p2lbench.finetuning.stored import WEIGHTS, find
from p2lbench.projection import Projection
from p2lbench.report import strip

if TYPE_CHECKING:
    from torch import Tensor

EDITS = "edits"  # in a results folder
TOLD = "edit.json"
POINTS = "latents.safetensors"
STRIP = "strip.png"
OWNED = (TOLD, POINTS, STRIP, "generated-*.png", "original-*.png")
ACROSS = 10  # tiles of a grid of classes, at most


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
    tuned = {"finetuned": finetuned, "weights": _weights(before, finetuned)}
    told = {**about(before), **tuned, "folder": str(folder), "steps": []}
    try:
        for k, step in enumerate(steps):
            told["steps"].append(_written(folder, k, step))
        (folder / POINTS).write_bytes(_points(steps))
        first = "projection" if finetuned is None else "fine-tuned"
        _draw(folder / STRIP, before, first, edits)
        (folder / TOLD).write_text(json.dumps(told, indent=2, allow_nan=False) + "\n", "utf-8")
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}") from error
    return told


def _weights(projection: Projection, finetuned: str | None) -> str | None:
    """The hash of the weights that made the images, if they are not the generator's own."""
    return None if finetuned is None else find(projection.folder, finetuned).hashes[WEIGHTS]


def about(projection: Projection) -> dict[str, Any]:
    """Which one it is, JSON-ready."""
    row = projection.row
    return {
        "image": row.image,
        "row": [*row.row],
        "repeat": row.repeat,
        "cell": row.cell,
        "candidate": projection.candidate,
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


def _draw(path: Path, before: Projection, called: str, edits: Sequence[Sequence[Step]]) -> None:
    first = [
        strip.Tile(pixels_of(seen(before)), "photo"),
        strip.Tile(pixels_of(before.image()), called),
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
