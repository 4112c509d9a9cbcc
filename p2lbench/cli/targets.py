"""`p2lbench targets`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from p2lbench.cli.common import JSON, PLUGIN, emit, log, logs_only, out, relative
from p2lbench.cli.executors import DEVICE, chosen_device
from p2lbench.errors import UserError


def targets(
    folder: Annotated[Path, typer.Argument(help="A suite's results folder, all of it run.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The targets file.")
    ] = Path("targets.json"),
    levels: Annotated[
        int, typer.Option("--levels", min=1, max=100, help="Targets of each image.")
    ] = 10,
    draws: Annotated[
        int, typer.Option("--draws", min=1, max=10_000, help="Samples for the easiest target.")
    ] = 64,
    device: DEVICE = "auto",
    plugin: PLUGIN = None,
    as_json: JSON = False,
) -> None:
    """Freeze targets for runtimes: from what prior draws reach to the best that is known."""
    from p2lbench import plugins, targetmaking
    from p2lbench import targets as files
    from p2lbench.store import Store

    with logs_only():
        _check_place(output)
        registry = plugins.load(plugin or ()).registry
        with Store.open_read(folder) as store, log().status("drawing samples …"):
            content = targetmaking.make(
                store, registry, chosen_device(device), levels=levels, draws=draws
            )
        sha256 = files.write(output, content)
    document = _summary(output, sha256, content)
    if as_json:
        emit(document)
        return
    console = out()
    told = f"{document['images']} images, {levels} targets of each, from {content['cells']} cells"
    console.print(Text(f"{relative(output.absolute())}: {told}"), soft_wrap=True)
    console.print(Text(f"To use it, name it in the suite: targets: {output}"), soft_wrap=True)


def _check_place(path: Path) -> None:
    """Raises: UserError if something is there already, or no folder is."""
    if not path.absolute().parent.is_dir():
        raise UserError(f"-o: {path.absolute().parent} is no folder: make it, or choose another")
    if os.path.lexists(path):
        message = f"-o: {path} is there: targets are made once, so that results stay comparable"
        raise UserError(f"{message}. Choose another file, or delete it")


def _summary(path: Path, sha256: str, content: dict[str, Any]) -> dict[str, Any]:
    images = {image["pixels"] for one in content["objectives"] for image in one["images"]}
    return {
        "suite": content["suite"],
        "file": str(path),
        "sha256": sha256,
        "objectives": len(content["objectives"]),
        "images": len(images),
        **{key: content[key] for key in ("levels", "draws", "cells")},
    }
