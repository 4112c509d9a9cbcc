"""`p2lbench directions`: directions that imitate edits of the image, learnt once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from p2lbench.cli.common import JSON, PLUGIN, emit, logs_only, out
from p2lbench.cli.executors import DEVICE, chosen_device
from p2lbench.cli.learning import learning

if TYPE_CHECKING:
    from p2lbench.directions.steer import Learning


def directions(
    generator: Annotated[
        str, typer.Argument(help="A generator, see `list generators`, or '{name: {options}}'.")
    ],
    learn: Annotated[
        str, typer.Option("--learn", metavar="NAMES", help="Which ones, with commas between.")
    ] = "shift-x,shift-y,zoom",
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="Only its like is replaced.")
    ] = Path("directions.safetensors"),
    steps: Annotated[int, typer.Option(min=1, help="Of Adam, for each direction.")] = 100,
    batch: Annotated[int, typer.Option(min=1, help="Samples in a step.")] = 8,
    rate: Annotated[float, typer.Option("--lr", help="Adam's, in the prior's deviations.")] = 0.2,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    device: DEVICE = "auto",
    plugin: PLUGIN = None,
    as_json: JSON = False,
) -> None:
    """Learn directions that shift and zoom a generator's images, for `edit`."""
    from p2lbench.directions.steer import Learning

    with logs_only():
        how = Learning(steps, batch, rate, seed)
        told = _learnt(generator, _names(learn), how, output, chosen_device(device), plugin)
    if as_json:
        emit(told)
        return
    for name in told["directions"]:
        words = f"p2lbench edit FOLDER --direction {output}:{name}"
        out().print(Text(words), soft_wrap=True)


def _names(text: str) -> list[str]:
    from p2lbench.directions.warps import WARPS
    from p2lbench.errors import UserError, did_you_mean

    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in WARPS:
            known = ", ".join(WARPS)
            raise UserError(f"--learn: no '{name}'.{did_you_mean(name, WARPS)} Expected {known}")
    return names


def _learnt(
    written: str, names: list[str], how: Learning, path: Path, device: str, plugin: PLUGIN
) -> dict[str, Any]:
    from p2lbench.directions import files
    from p2lbench.directions.named import Directions, write
    from p2lbench.errors import UserError
    from p2lbench.models import Models
    from p2lbench.options import resolve
    from p2lbench.plugins import load
    from p2lbench.yamlfile import parse

    if path.exists() and not files.is_ours(path):
        raise UserError(f"-o: {path} is there and no file of directions: choose another name")
    registry = load(plugin or []).registry
    braces = written.lstrip().startswith("{")
    spec = resolve(registry, "generators", parse(written, "GENERATOR").data if braces else written)
    with learning() as say:
        of = Directions(
            Models(registry, device).get(spec), spec, registry, device, how=how, say=say
        )
        found = [of.learnt(name) for name in names]
    write(path, files.content(found, of.made))
    return {
        "generator": written,
        "file": str(path),
        "directions": {one.name: {"unit": one.unit} for one in found},
    }
