"""`p2lbench blend`: a projection, or an edit of it, in the photo that it was found in."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from p2lbench.cli.chosen import CANDIDATE, FINETUNED, IMAGE, REPEAT, ROW, refuse_doubled
from p2lbench.cli.common import FOLDER, JSON, PLUGIN, emit, logs_only, out
from p2lbench.cli.executors import DEVICE, chosen_device
from p2lbench.cli.waiting import waiting

if TYPE_CHECKING:
    from p2lbench.blending.blended import How
    from p2lbench.projection import Projection
    from p2lbench.registry import Registry


_MUCH = 0.05  # of the region, which is worth a word


class Mode(StrEnum):
    """Whose gradients count inside of the mask."""

    normal = "normal"
    mixed = "mixed"


class Area(StrEnum):
    """Where."""

    mask = "mask"
    frame = "frame"


def blend(
    folder: FOLDER,
    edit: Annotated[
        str | None,
        typer.Option("--edit", metavar="NAME", help="One of FOLDER/edits; default: no edit."),
    ] = None,
    step: Annotated[
        int | None, typer.Option("--step", help="Of the edit, from 0; default: the last.")
    ] = None,
    image: IMAGE = None,
    row: ROW = None,
    repeat: REPEAT = None,
    candidate: CANDIDATE = None,
    finetuned: FINETUNED = None,
    mode: Annotated[
        Mode,
        typer.Option(help="The image's gradients, or the photo's as well where they are larger."),
    ] = Mode.normal,
    area: Annotated[
        Area, typer.Option(help="The photo's mask, or all that the image covers.")
    ] = Area.mask,
    dilate: Annotated[
        int, typer.Option(min=-1000, max=1000, help="Pixels by which the mask grows.")
    ] = 0,
    feather: Annotated[
        int, typer.Option(min=0, max=1000, help="Pixels around it over which changes fade.")
    ] = 4,
    name: Annotated[
        str | None, typer.Option("--name", help="Of the folder below FOLDER/blends.")
    ] = None,
    device: DEVICE = "auto",
    plugin: PLUGIN = None,
    as_json: JSON = False,
) -> None:
    """Blend a projection, fine-tuned or edited, into its photo at the photo's resolution."""
    from p2lbench.blending.blended import How
    from p2lbench.errors import UserError
    from p2lbench.plugins import load as load_plugins

    chosen = {
        "row": row,
        "image": image,
        "repeat": repeat,
        "candidate": candidate,
        "finetuned": finetuned,
    }
    if edit is None and step is not None:
        raise UserError("--step is of an edit: name it with --edit")
    refuse_doubled("--edit", edit, *chosen.values())
    refuse_doubled("--finetuned", finetuned, row, image, repeat, candidate)
    how = How(mode.value, area.value, dilate, feather)
    with logs_only(), waiting("blending"):
        registry, where = load_plugins(plugin or []).registry, chosen_device(device)
        if edit is None:
            told = _projection(folder, registry, chosen, where, how, name)
        else:
            told = _edit(folder, registry, edit, step, where, how, name)
    if as_json:
        emit(told)
        return
    if told["cut_off"] > _MUCH:
        note = (
            f"{told['cut_off']:.0%} of it is cut off at black or white: at the rim the image and "
            "the photo differ too much. For an edit of another outline take --dilate 4 or --area "
            "frame; for a photo without a mask, project it with one"
        )
        out().print(Text(note, "yellow"), soft_wrap=True)
    for file in ("blended.png", "strip.png"):
        out().print(Text(str(Path(told["folder"]) / file)), soft_wrap=True)


def _projection(
    folder: Path,
    registry: Registry,
    chosen: dict[str, Any],
    device: str,
    how: How,
    name: str | None,
) -> dict[str, Any]:
    from p2lbench.blending.blended import blended, write_blend
    from p2lbench.projection import load

    projection = load(folder, registry, **chosen, device=device)
    tuned = chosen["finetuned"]
    about = _about(projection, how, {"finetuned": tuned, "edit": None, "step": None})
    where = _folder(folder, name, projection.row.image, *([tuned] if tuned else []))
    captions = ["photo", "fine-tuned" if tuned else "projection", "blended"]
    return write_blend(where, None, blended(projection, how), about, captions)


def _edit(
    folder: Path,
    registry: Registry,
    edit: str,
    asked: int | None,
    device: str,
    how: How,
    name: str | None,
) -> dict[str, Any]:
    from p2lbench.blending.blended import blended, put_back, write_blend
    from p2lbench.editing.stored import after, before, find

    stored = find(folder, edit)
    projection = before(stored, folder, registry, device)
    step, edited = after(stored, projection, asked)
    about = _about(projection, how, {"finetuned": stored.finetuned, "edit": edit, "step": step})
    first = "projection" if stored.finetuned is None else "fine-tuned"
    captions = ["photo", first, stored.names[step], "blended"]
    where = _folder(folder, name, edit, str(step))
    return write_blend(where, put_back(projection), blended(edited, how), about, captions)


def _about(projection: Projection, how: How, more: dict[str, Any]) -> dict[str, Any]:
    from p2lbench.editing.files import about

    return {**about(projection), **more, **vars(how)}


def _folder(results: Path, name: str | None, *parts: str) -> Path:
    from p2lbench.blending.blended import BLENDS
    from p2lbench.editing.output import checked_name, slug

    return results / BLENDS / (slug(*parts) if name is None else checked_name("--name", name))
