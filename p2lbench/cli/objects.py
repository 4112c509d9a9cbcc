"""`p2lbench measure-objects`: where a generator puts its objects."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from p2lbench.cli.common import JSON, PLUGIN, emit, logs_only, out, show, table

if TYPE_CHECKING:
    from p2lbench.measure_objects import Measured


class Background(StrEnum):
    """What objects are told apart from."""

    border = "border"
    fill = "fill"


def measure_objects(
    generator: Annotated[
        str, typer.Argument(help="A generator, see `list generators`, or '{name: {options}}'.")
    ],
    samples: Annotated[int, typer.Option(min=1, help="How many images to draw.")] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    background: Annotated[
        Background, typer.Option(help="Each sample's border colour, or the generator's fill.")
    ] = Background.border,
    plugin: PLUGIN = None,
    as_json: JSON = False,
) -> None:
    """Measure where a generator puts its objects, for its `object_stats`."""
    with logs_only():
        measured = _measured(generator, samples, seed, background, plugin)
    if as_json:
        emit({"generator": generator, "background": background.value, **measured.plain()})
        return
    columns = ("median", "mode", "std", "low", "high")
    lines = [
        (f"{name} {side}", *(f"{getattr(spread, column):.3f}" for column in columns))
        for name in ("center", "size")
        for side, spread in zip(("height", "width"), getattr(measured, name), strict=True)
    ]
    show(table(("fraction of the image", "median", "mode", "std", "10%", "90%"), lines))
    stats = measured.stats
    center, size = (tuple(round(x, 3) for x in pair) for pair in (stats.center, stats.size))
    out().print(
        f"\nAn object was found in {measured.used} of {measured.samples} samples; the threshold "
        f"explains {measured.separability:.0%} of the contrast.\n"
        f"object_stats = ObjectStats(center={center}, size={size})\n"
        f"object_stats: {{center: {[*center]}, size: {[*size]}}}",
        soft_wrap=True,
    )


def _measured(
    name: str, samples: int, seed: int, background: Background, plugin: PLUGIN
) -> Measured:
    from p2lbench.measure_objects import measure
    from p2lbench.options import build, resolve
    from p2lbench.plugins import load
    from p2lbench.yamlfile import parse

    registry = load(plugin or []).registry
    written = parse(name, "GENERATOR").data if name.lstrip().startswith("{") else name
    generator = build(resolve(registry, "generators", written), registry)
    generator.load("cpu")
    return measure(generator, samples, seed, background.value)
