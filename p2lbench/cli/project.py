"""`p2lbench project`: one image in; latents, reconstruction, a grid and a video out."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from p2lbench.cli.common import JSON, PLUGIN, emit, log, logs_only, out, relative, show, table
from p2lbench.cli.executors import (
    DEVICE,
    EXECUTOR,
    MEMORY,
    SCHEDULER,
    WORKERS,
    ExecutorName,
    Where,
    chosen_device,
    chosen_executor,
)
from p2lbench.cli.run import SET, draw, followed
from p2lbench.cli.waiting import waiting

if TYPE_CHECKING:
    from rich.table import Table

    from p2lbench.oneimage import Wanted
    from p2lbench.projected import Found, Projected


def project(
    image: Annotated[Path, typer.Argument(help="The image to project.")],
    suite: Annotated[
        str, typer.Option("--suite", metavar="NAME|FILE", help="Whose methods and settings.")
    ] = "project",
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method",
            metavar="ROW",
            help="A row of the suite by its names, such as 'adam | none', or all; may be "
            "repeated. Default: the first row.",
        ),
    ] = None,
    class_name: Annotated[
        str | None, typer.Option("--class", metavar="NAME|N", help="Of the image's object.")
    ] = None,
    mask: Annotated[
        str | None,
        typer.Option(
            "--mask",
            metavar="MASK",
            help="What counts: a file, 'x0 y0 x1 y1', a polygon, alpha, detect:NAME, or auto.",
        ),
    ] = None,
    generator: Annotated[
        str | None,
        typer.Option(
            "--generator", metavar="NAME", help="In place of the suite's; or '{name: options}'."
        ),
    ] = None,
    candidates: Annotated[
        int | None, typer.Option("--candidates", min=1, help="How many solutions.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Default: project-IMAGE, in results."),
    ] = None,
    video: Annotated[
        bool, typer.Option("--video", help="Write projection.gif, how it developed.")
    ] = False,
    mp4: Annotated[
        bool, typer.Option("--mp4", help="Write the video as projection.mp4, by imageio.")
    ] = False,
    executor: EXECUTOR = ExecutorName.processes,
    workers: WORKERS = None,
    scheduler: SCHEDULER = None,
    memory: MEMORY = None,
    device: DEVICE = "auto",
    plugin: PLUGIN = None,
    overrides: SET = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Search again.")] = False,
    as_json: JSON = False,
) -> None:
    """Project one image: its latents, its reconstruction, and pictures of both."""
    from p2lbench import oneimage

    film = ".mp4" if mp4 else ".gif" if video else None
    wanted = oneimage.Wanted(
        image,
        suite,
        tuple(method or ()),
        class_name,
        mask,
        generator,
        candidates,
        tuple(overrides or ()),
        tuple(plugin or ()),
        output,
    )
    with logs_only():
        where = Where(executor, workers, scheduler, memory)
        projected = _projected(wanted, where, device, film, fresh, as_json)
    if as_json:
        emit(projected.to_json())
    else:
        _show(projected, wanted.plugin_files)
    raise typer.Exit(0 if projected.outcome.clean else 1)


def _projected(
    wanted: Wanted,
    where: Where,
    device: str,
    film: str | None,
    fresh: bool,
    quiet: bool,
) -> Projected:
    from p2lbench.oneimage import prepare
    from p2lbench.plan import plan
    from p2lbench.projected import collect
    from p2lbench.report import projected as files
    from p2lbench.report import video

    if film is not None:
        video.check(film)
    with waiting("looking at the image"):
        job = prepare(wanted)
        planned = plan(job.suite, job.plugins, chosen_device(device, where.scheduler))
        chosen = chosen_executor(where, planned, job.plugins.registry)
    for remark in job.remarks:
        log().print(Text(remark), soft_wrap=True)
    outcome = followed(
        planned, job.plugins, chosen, job.results, fresh=fresh, film=film is not None
    )
    draw(outcome.folder, quiet)
    # Only the search may be elsewhere: a cluster's devices are not here.
    here = chosen_device("auto") if where.scheduler else planned.device
    found = collect(job, outcome, here)
    blocks = [block for method in found.methods if (block := method.block()) is not None]
    title = f"{wanted.image.name}: what was found"
    found.files.extend(files.write(outcome.folder, blocks, title, film))
    return found


def _show(projected: Projected, plugin_files: Sequence[Path]) -> None:
    console, methods = out(), projected.methods
    names = list(dict.fromkeys(name for found in methods for name in found.metrics))
    show(_table(names, methods))
    for found in methods:
        if found.record is not None and found.record.reason:
            console.print(Text(f"{found.name}: {found.record.reason}", "yellow"), soft_wrap=True)
    seen = [(found.seen.class_name, found.row[3]) for found in methods if found.seen is not None]
    if known := sorted({f"{kind} ({init})" for kind, init in seen if kind}):
        console.print(Text(f"class: {', '.join(known)}"), soft_wrap=True)
    console.print()
    _print_lines("written", [relative(path) for path in projected.files])
    if projected.files:
        _print_lines("next", [*_next(projected, plugin_files)])


def _table(names: Sequence[str], methods: Sequence[Found]) -> Table:
    rows = []
    for found in methods:
        status = "not run" if found.record is None else found.record.status
        loss = status if found.objective is None else f"{found.objective:.4f}"
        rows.append((found.name, loss, *(_number(found.metrics.get(name)) for name in names)))
    made = table(("method", "loss", *names), rows)
    made.columns[0].no_wrap = True
    return made


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.4f}"


def _next(projected: Projected, plugin_files: Sequence[Path]) -> Iterator[str]:
    """What can be done with the best method's projection; whole commands to copy."""
    folder, best = relative(projected.outcome.folder), projected.methods[0]
    row = ["--row", best.name] if len(projected.methods) > 1 else []
    plugins = [word for file in plugin_files for word in ("--plugin", str(file))]
    row += ["--repeat", str(best.repeat)] if best.repeat else []
    # The paper's lambda, the default, holds the weights of small networks still.
    freely = ["finetune", "--weight", "1"]
    for command in (freely, ["edit", "--direction", "pca:0"], ["blend"]):
        yield shlex.join(["p2lbench", command[0], folder, *command[1:], *row, *plugins])
    yield shlex.join(["p2lbench", "report", folder])


def _print_lines(title: str, lines: Sequence[str]) -> None:
    for k, line in enumerate(lines):
        head = title if k == 0 else ""
        out().print(Text.assemble((f"{head:<9}", "bold"), line), soft_wrap=True)
