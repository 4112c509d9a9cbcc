"""`p2lbench samples`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from p2lbench.cli.common import JSON, PLUGIN, emit, logs_only, out
from p2lbench.cli.executors import DEVICE, chosen_device


def samples(
    generator: Annotated[
        str, typer.Argument(help="A generator, see `list generators`, or '{name: {options}}'.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="A folder, new or empty.")
    ] = Path("samples"),
    count: Annotated[
        int, typer.Option("--count", min=1, max=10_000, help="How many; classes come in turn.")
    ] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    device: DEVICE = "auto",
    plugin: PLUGIN = None,
    as_json: JSON = False,
) -> None:
    """Write a generator's own samples, with their points, as targets whose optimum is known."""
    from p2lbench.options import resolve
    from p2lbench.plugins import load
    from p2lbench.sampling import MANIFEST, write_samples
    from p2lbench.yamlfile import parse

    with logs_only():
        registry = load(plugin or []).registry
        braces = generator.lstrip().startswith("{")
        written = parse(generator, "GENERATOR").data if braces else generator
        spec = resolve(registry, "generators", written)
        files = write_samples(spec, registry, count, seed, output, chosen_device(device))
    if as_json:
        emit({"folder": str(output), "files": [file.name for file in files]})
        return
    console = out()
    console.print(Text(f"{output}: {count} samples of {spec.name}"), soft_wrap=True)
    console.print(Text(f"images: {{manifest: {output / MANIFEST}}}"), soft_wrap=True)
