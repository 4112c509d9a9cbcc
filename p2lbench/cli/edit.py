"""`p2lbench edit`: a projection's image changed by its latents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from p2lbench.cli.chosen import CANDIDATE, FINETUNED, IMAGE, REPEAT, ROW, loaded, refuse_doubled
from p2lbench.cli.common import FOLDER, JSON, PLUGIN, emit, logs_only, out, show, table
from p2lbench.cli.executors import DEVICE
from p2lbench.cli.learning import learning

if TYPE_CHECKING:
    from p2lbench.directions.named import Directions, Say
    from p2lbench.editing.edited import Step
    from p2lbench.editing.edits import Asked
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

    refuse_doubled("--finetuned", finetuned, row, image, repeat, candidate)
    asked = Asked(class_ or (), direction or (), strength or (), all_classes)
    with logs_only():
        projection, registry = loaded(
            folder, plugin, device, row, image, repeat, candidate, finetuned
        )
        told = _edited(folder, projection, registry, asked, finetuned, name)
    if as_json:
        emit(told)
    else:
        _show(told)


def _edited(
    folder: Path,
    projection: Projection,
    registry: Registry,
    asked: Asked,
    finetuned: str | None,
    name: str | None,
) -> dict[str, Any]:
    from p2lbench.editing.edits import run
    from p2lbench.editing.files import EDITS, write_edit
    from p2lbench.editing.output import checked_name

    checked = None if name is None else checked_name("--name", name)
    with learning() as say:
        directions = _directions(projection, registry, finetuned is None, say)
        steps = run(projection, directions, asked)
    where = folder / EDITS / (checked or _name(projection, finetuned, steps, asked))
    return write_edit(where, projection, steps, finetuned)


def _directions(projection: Projection, registry: Registry, own: bool, say: Say) -> Directions:
    """`own`: the projection's generator has the weights that it always had."""
    from p2lbench.directions.named import Directions
    from p2lbench.models import Models

    spec, device = projection.task.cell.method.generator.spec, projection.models.device
    # Directions are those of the generator itself, whatever fine-tuning made of it.
    generator = projection.setting.generator if own else Models(registry, device).get(spec)
    return Directions(generator, spec, registry, device, projection.folder / "directions", say=say)


def _name(
    projection: Projection, finetuned: str | None, steps: list[list[Step]], asked: Asked
) -> str:
    from p2lbench.editing.output import slug

    what = ["all-classes"] if asked.every_class else [own[0].edit.name for own in steps]
    tuned = [] if finetuned is None else [finetuned]
    return slug(projection.row.image, *tuned, *what)


def _units(steps: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Once for each edit."""
    before = None
    for step in steps:
        yield "" if step["edit"] == before else step["unit"]
        before = step["edit"]


def _show(told: dict[str, Any]) -> None:
    columns = ["step", "edit", "strength", "unit", "at a bound"]
    lines = [
        [str(k), step["edit"], f"{step['strength']:+.3g}", unit, f"{step['clamped']:.0%}"]
        for k, (step, unit) in enumerate(zip(told["steps"], _units(told["steps"]), strict=True))
    ]
    show(table(columns, lines))
    if any(step["clamped"] for step in told["steps"]):
        note = "at a bound: the share of the latents that an edit asked beyond the bounds for;"
        show(Text(f"{note} they stay at these", "dim"))
    out().print(Text(str(Path(told["folder"]) / "strip.png")), soft_wrap=True)
