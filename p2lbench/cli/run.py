"""`p2lbench run` and `p2lbench validate`."""

from __future__ import annotations

from contextlib import nullcontext
from enum import StrEnum
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from p2lbench.cli.common import JSON, PLUGIN, cores, emit, log, logs_only, out
from p2lbench.errors import UserError

if TYPE_CHECKING:
    from p2lbench.executors.base import Executor
    from p2lbench.plan import Plan
    from p2lbench.plugins import Plugins
    from p2lbench.registry import Registry
    from p2lbench.runner import Outcome
    from p2lbench.suite import Suite

SET = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=YAML", help="Override a key of the suite."),
]
SUITE = Annotated[str, typer.Argument(help="A suite's file, or the name of a shipped one.")]


class ExecutorName(StrEnum):
    """Where cells run."""

    inline = "inline"
    processes = "processes"
    dask = "dask"


RESULTS = Annotated[
    Path, typer.Option("--results", metavar="DIR", help="The parent of the suite's folder.")
]
EXECUTOR = Annotated[
    ExecutorName,
    typer.Option("--executor", help="In worker processes, in this one, or on a dask cluster."),
]
SCHEDULER = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="tcp://HOST:PORT", help="Of the dask cluster to use."),
]
WORKERS = Annotated[
    int | None, typer.Option("--workers", min=1, help="How many; default: as cores allow.")
]
DEVICE = Annotated[
    str, typer.Option("--device", metavar="auto|cpu|cuda[:i]", help="What cells compute on.")
]


def run(
    suite: SUITE,
    results: RESULTS = Path("results"),
    executor: EXECUTOR = ExecutorName.processes,
    workers: WORKERS = None,
    scheduler: SCHEDULER = None,
    device: DEVICE = "auto",
    plugin: PLUGIN = None,
    overrides: SET = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Plan the first N cells alone.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Run everything again.")] = False,
    as_json: JSON = False,
) -> None:
    """Run a suite: what is not in its results folder yet, then show the leaderboard."""
    from p2lbench.plan import plan
    from p2lbench.suite import load

    # Standard output is for the result: whatever a plugin prints is a log.
    with logs_only():
        checked, plugins = load(suite, plugin or (), overrides or ())
        planned = plan(checked, plugins, chosen_device(device, scheduler))
        chosen = chosen_executor(executor, workers, scheduler, planned, plugins.registry)
        if checked.images and checked.tune_images:
            log().print(Text(left_out(checked)), soft_wrap=True)
        again = f"p2lbench run {suite} --results {results}"
        outcome = followed(planned, plugins, chosen, results, again, limit=limit, fresh=fresh)
        pictures = _draw(outcome, as_json)
    if as_json:
        emit(outcome.to_json())
    else:
        _show(outcome, pictures)
    raise typer.Exit(0 if outcome.clean else 1)


def chosen_device(asked: str, scheduler: str | None = None) -> str:
    """The device that `--device` means; on a cluster's workers, if there is a scheduler.

    Raises:
        UserError: no such device, or it is not here.
    """
    import torch

    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = asked.partition(":")
    if kind not in ("cpu", "cuda") or (index and not (kind == "cuda" and index.isdigit())):
        raise UserError(f"--device: expected auto, cpu, cuda or cuda:N, got '{asked}'")
    if scheduler is not None and index:
        raise UserError(
            f"--device: expected cuda, got {asked}: which GPU is up to each worker of the cluster "
            "(CUDA_VISIBLE_DEVICES)"
        )
    if scheduler is not None:
        return kind
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise UserError(
            f"--device: {asked} is not there ({torch.cuda.device_count()} CUDA devices); use cpu"
        )
    return asked


def left_out(suite: Suite) -> str:
    """What becomes of the images that are for tuning."""
    from p2lbench.report.text import count

    are = "is" if len(suite.tune_images) == 1 else "are"
    images = count(len(suite.tune_images), "image")
    return f"{images} {are} for tuning only (split: tune): not run; p2lbench tune uses them"


def chosen_executor(
    name: ExecutorName,
    workers: int | None,
    scheduler: str | None,
    planned: Plan,
    registry: Registry,
) -> Executor:
    """What `--executor`, `--workers` and `--scheduler` mean for a plan.

    Raises:
        UserError: they do not go together, or the cluster cannot be used.
    """
    from p2lbench.executors import Dask, Inline, Processes
    from p2lbench.executors.cluster import distributed

    suite = planned.suite
    if scheduler is not None:
        _check_scheduler(name, workers, scheduler)
    if name is ExecutorName.inline:
        return Inline(planned.device, suite.plugin_files)
    count = min(workers or max(1, cores() // suite.threads), max(1, len(planned)))
    if name is ExecutorName.processes:
        return Processes(planned.device, count, suite.plugin_files)
    distributed()
    return Dask(planned.device, registry, suite.plugin_files, scheduler=scheduler, workers=count)


def _check_scheduler(name: ExecutorName, workers: int | None, scheduler: str) -> None:
    from p2lbench.executors.cluster import checked_address, connected

    if name is not ExecutorName.dask:
        raise UserError(f"--scheduler is of --executor dask, not of {name.value}")
    if workers is not None:
        raise UserError(
            "--workers: with --scheduler, workers are started beside it ('dask worker'), not here"
        )
    checked_address(scheduler)
    with connected(scheduler):
        pass


def followed(
    planned: Plan,
    plugins: Plugins,
    executor: Executor,
    results: Path,
    again: str,
    *,
    limit: int | None = None,
    fresh: bool = False,
) -> Outcome:
    """A plan's run with its progress on stderr; `again`: the command to go on with."""
    from p2lbench import runner
    from p2lbench.report.progress import RunProgress

    total = len(planned) if limit is None else min(limit, len(planned))
    try:
        with RunProgress(total, console=log()) as progress:
            return runner.run(
                planned, plugins.registry, executor, results, progress, limit=limit, fresh=fresh
            )
    except KeyboardInterrupt:
        log().print(
            Text(f"interrupted; what was finished is kept. To go on: {again}"), soft_wrap=True
        )
        raise


def _draw(outcome: Outcome, quiet: bool) -> dict[str, Path]:
    """The pictures and tables that stay in the results folder."""
    from p2lbench import leaderboard
    from p2lbench.folder import explained
    from p2lbench.report import figures, formats
    from p2lbench.store import Store

    folder = outcome.folder
    with log().status("drawing …") if not quiet else nullcontext():
        with Store.open_read(folder) as store:
            board = leaderboard.load(store)
            grid = figures.draw_grid(folder / "grid.png", store, board)
            curves = figures.draw_curves(folder / "curves.png", store, board)
        with explained(folder):
            for form, suffix in (("csv", "csv"), ("markdown", "md")):
                text = formats.render(board, form)
                (folder / f"leaderboard.{suffix}").write_text(text, encoding="utf-8")
    return {"grid": grid, "curves": curves}


def _show(outcome: Outcome, pictures: dict[str, Path]) -> None:
    from p2lbench import leaderboard
    from p2lbench.report.terminal import LeaderboardView
    from p2lbench.store import Store

    console = out()
    with Store.open_read(outcome.folder) as store:
        console.print(LeaderboardView(leaderboard.load(store)))
    cells = outcome.cells
    if cells["cached"] == cells["total"]:
        console.print(Text(f"nothing to do: all {cells['total']} cells are in the results folder"))
    rows = [
        ("results", outcome.folder),
        ("image grid", pictures["grid"]),
        ("curves", pictures["curves"]),
        ("table", outcome.folder / "leaderboard.csv"),
    ]
    console.print()
    for name, path in rows:
        console.print(Text.assemble((f"{name:<11}", "bold"), relative(path)), soft_wrap=True)


def relative(path: Path) -> str:
    """A path as a user would write it here."""
    cwd = Path.cwd()
    return str(path.relative_to(cwd)) if path.is_relative_to(cwd) else str(path)


def validate(
    suite: SUITE, plugin: PLUGIN = None, overrides: SET = None, as_json: JSON = False
) -> None:
    """Check a suite without running it, and say what it would run."""
    from p2lbench.plan import plan
    from p2lbench.suite import load

    with logs_only():
        checked, plugins = load(suite, plugin or (), overrides or ())
        planned = plan(checked, plugins)
    document = summary(planned)
    if as_json:
        emit(document)
        return
    console = out()
    console.print(Text(f"{checked.name}: valid", style="green"))
    for key in ("images", "methods", "repeats", "candidates", "cells"):
        console.print(Text(f"  {key:<11}{document[key]}"))
    if checked.tune_images:
        console.print(Text(f"  {left_out(checked)}"), soft_wrap=True)
    for method in document["rows"]:
        console.print(Text(f"  · {' | '.join(method)}"))


def summary(planned: Plan) -> dict[str, Any]:
    """What a plan comes to, as JSON."""
    suite = planned.suite
    passes, seconds = suite.budget.passes, suite.budget.seconds
    return {
        "suite": suite.name,
        "file": str(suite.file),
        "images": len(suite.images),
        "tune_images": len(suite.tune_images),
        "methods": len(planned.methods),
        "repeats": suite.repeats,
        "candidates": suite.candidates,
        "cells": len(planned),
        "budget": {
            "passes": None if passes == inf else passes,
            "seconds": None if seconds == inf else seconds,
            "protocol": suite.protocol,
        },
        "rows": [list(method.row) for method in planned.methods],
    }
