"""`p2lbench edit`: a projection's image changed by its latents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from p2lbench.cli.chosen import CANDIDATE, FINETUNED, IMAGE, REPEAT, ROW
from p2lbench.cli.common import FOLDER, JSON, PLUGIN, emit, logs_only, out, show, table
from p2lbench.cli.executors import DEVICE, chosen_device
from p2lbench.cli.learning import learning

if TYPE_CHECKING:
    from p2lbench.directions.named import Directions, Say
    from p2lbench.editing.edited import Step
    from p2lbench.editing.edits import Asked
    from p2lbench.editing.loading import Choice
    from p2lbench.projection import Projection
    from p2lbench.registry import Registry


def edit(
    folder: FOLDER,
    image: IMAGE = None,
    row: ROW = None,
    repeat: REPEAT = None,
    candidate: CANDIDATE = None,
    finetuned: FINETUNED = None,
    class_: Annotated[
        list[str] | None,
        typer.Option("--class", metavar="NAME", help="Towards this class; may be repeated."),
    ] = None,
    direction: Annotated[
        list[str] | None,
        typer.Option(
            "--direction",
            metavar="NAME",
            help="pca:0, pca:1, …; shift-x, shift-y, zoom; FILE:NAME; may be repeated.",
        ),
    ] = None,
    strength: Annotated[
        list[str] | None,
        typer.Option(
            "--strength",
            metavar="A[:B[:N]]",
            help="For all edits, or one for each: classes first, then directions.",
        ),
    ] = None,
    all_classes: Annotated[
        bool, typer.Option("--all-classes", help="A picture of all of the generator's classes.")
    ] = False,
    name: Annotated[
        str | None, typer.Option("--name", help="Of the folder below FOLDER/edits.")
    ] = None,
    device: DEVICE = "auto",
    plugin: PLUGIN = None,
    as_json: JSON = False,
) -> None:
    """Edit a projection: change its class, or move its latents along a direction."""
    from p2lbench.editing.edits import Asked
    from p2lbench.editing.loading import Choice
    from p2lbench.plugins import load

    asked = Asked(class_ or (), direction or (), strength or (), all_classes)
    with logs_only():
        registry = load(plugin or []).registry
        choice = Choice(row, image, repeat, candidate, finetuned)
        told = _edited(folder, registry, choice, asked, name, chosen_device(device))
    if as_json:
        emit(told)
    else:
        _show(told)


def _edited(
    folder: Path, registry: Registry, choice: Choice, asked: Asked, name: str | None, device: str
) -> dict[str, Any]:
    from p2lbench.editing.edits import run
    from p2lbench.editing.files import EDITS, write_edit
    from p2lbench.editing.loading import loaded
    from p2lbench.editing.output import checked_name

    checked = None if name is None else checked_name("--name", name)
    projection = loaded(folder, registry, choice, device)
    with learning() as say:
        directions = _directions(projection, registry, choice, device, folder, say)
        steps = run(projection, directions, asked)
    where = folder / EDITS / (checked or _name(projection, choice, steps, asked))
    return write_edit(where, projection, steps, choice.finetuned)


def _directions(
    projection: Projection,
    registry: Registry,
    choice: Choice,
    device: str,
    folder: Path,
    say: Say,
) -> Directions:
    from p2lbench.directions.named import Directions
    from p2lbench.models import Models

    spec = projection.task.cell.method.generator.spec
    # Directions are those of the generator itself, whatever fine-tuning made of it.
    own = choice.finetuned is None
    generator = projection.setting.generator if own else Models(registry, device).get(spec)
    return Directions(generator, spec, registry, device, folder / "directions", say=say)


def _name(projection: Projection, choice: Choice, steps: list[list[Step]], asked: Asked) -> str:
    from p2lbench.editing.output import slug

    what = ["all-classes"] if asked.every_class else [own[0].edit.name for own in steps]
    tuned = [] if choice.finetuned is None else [choice.finetuned]
    return slug(projection.row.image, *tuned, *what)


def _show(told: dict[str, Any]) -> None:
    columns = ["edit", "strength", "unit", "at a bound"]
    lines = [
        [step["edit"], f"{step['strength']:+.3g}", step["unit"], f"{step['clamped']:.0%}"]
        for step in told["steps"]
    ]
    show(table(columns, lines))
    if any(step["clamped"] for step in told["steps"]):
        note = "at a bound: the share of the latents that an edit asked beyond the bounds for;"
        show(Text(f"{note} they stay at these", "dim"))
    out().print(Text(str(Path(told["folder"]) / "strip.png")), soft_wrap=True)
