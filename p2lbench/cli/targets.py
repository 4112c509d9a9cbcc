"""`p2lbench targets`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from p2lbench.cli.common import JSON, PLUGIN, emit, log, logs_only, out
from p2lbench.cli.run import DEVICE, RESULTS, SET, SUITE, chosen_device, relative
from p2lbench.errors import UserError

if TYPE_CHECKING:
    from p2lbench.suite import Suite


def targets(
    suite: SUITE,
    results: RESULTS = Path("results"),
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="The targets file.")
    ] = None,
    levels: Annotated[
        int, typer.Option("--levels", min=1, max=100, help="Targets of each image.")
    ] = 10,
    draws: Annotated[
        int, typer.Option("--draws", min=1, max=10_000, help="Samples for the easiest target.")
    ] = 64,
    device: DEVICE = "auto",
    plugin: PLUGIN = None,
    overrides: SET = None,
    as_json: JSON = False,
) -> None:
    """Freeze targets for runtimes: from what prior draws reach to the best that is known."""
    from p2lbench import targetmaking
    from p2lbench import targets as files
    from p2lbench.plan import plan
    from p2lbench.store import Store, folder_of
    from p2lbench.suite import load

    with logs_only():
        checked, plugins = load(suite, plugin or (), overrides or ())
        place = _place(checked, output)
        planned = plan(checked, plugins, chosen_device(device))
        folder = folder_of(results, checked.name)
        with Store.open_read(folder) as store, log().status("drawing samples …"):
            content = targetmaking.make(
                planned, plugins.registry, store, levels=levels, draws=draws
            )
        text = files.text(content)
        _write(place, text)
    document = _summary(checked, place, files.read(place, None).sha256, content)
    if as_json:
        emit(document)
        return
    console = out()
    told = f"{document['images']} images, {levels} targets of each, from {len(planned)} cells"
    console.print(Text(f"{relative(place)}: {told}"), soft_wrap=True)
    here = os.path.relpath(place, checked.file.parent)
    console.print(Text(f"To use them, add to the suite: targets: {here}"), soft_wrap=True)


def _place(suite: Suite, asked: Path | None) -> Path:
    """Where the file goes: beside the suite, or here for one that comes with p2lbench.

    Raises:
        UserError: something is there already, or no folder is.
    """
    from p2lbench.suitefile import shipped

    folder = Path() if suite.file in shipped().values() else suite.file.parent
    path = (asked or folder / f"{suite.file.stem}-targets.json").absolute()
    if not path.parent.is_dir():
        raise UserError(f"-o: {path.parent} is no folder: make it, or choose another")
    if os.path.lexists(path):
        message = f"{relative(path)} is there: targets are made once, so that results stay"
        raise UserError(f"{message} comparable. Choose another file with -o, or delete it")
    return path


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error


def _summary(suite: Suite, path: Path, sha256: str, content: dict[str, Any]) -> dict[str, Any]:
    images = {image["pixels"] for one in content["objectives"] for image in one["images"]}
    told = {key: content[key] for key in ("levels", "draws", "cells")}
    return {
        "suite": suite.name,
        "file": str(path),
        "sha256": sha256,
        "objectives": len(content["objectives"]),
        "images": len(images),
        **told,
    }
