"""`p2lbench run`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from p2lbench.cli import tradeoff
from p2lbench.cli.common import JSON, PLUGIN, emit, log, logs_only, out, relative
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

if TYPE_CHECKING:
    from p2lbench.executors.base import Executor
    from p2lbench.leaderboard import Leaderboard
    from p2lbench.plan import Plan
    from p2lbench.plugins import Plugins
    from p2lbench.runner import Outcome
    from p2lbench.suite import Suite

SET = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=YAML", help="Override a key of the suite."),
]
SUITE = Annotated[str, typer.Argument(help="A suite's file, or the name of a shipped one.")]


RESULTS = Annotated[
    Path, typer.Option("--results", metavar="DIR", help="The parent of the suite's folder.")
]


def run(
    suite: SUITE,
    results: RESULTS = Path("results"),
    executor: EXECUTOR = ExecutorName.processes,
    workers: WORKERS = None,
    scheduler: SCHEDULER = None,
    memory: MEMORY = None,
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
        where = Where(executor, workers, scheduler, memory)
        checked, plugins = load(suite, plugin or (), overrides or ())
        planned = plan(checked, plugins, chosen_device(device, scheduler))
        chosen = chosen_executor(where, planned, plugins.registry)
        if checked.images and checked.tune_images:
            log().print(Text(left_out(checked)), soft_wrap=True)
        outcome = followed(planned, plugins, chosen, results, limit=limit, fresh=fresh)
        board, pictures = draw(outcome.folder, as_json)
        with going_on(fresh):
            traded = tradeoff.followed(checked, outcome.folder, planned.device, fresh)
    if as_json:
        emit({**outcome.to_json(), **tradeoff.summary(traded)})
    else:
        _show(outcome, board, pictures)
        if traded is not None:
            tradeoff.shown(traded, outcome.folder)
    well = outcome.clean and not (traded and traded.failed)
    raise typer.Exit(0 if well else 1)


def left_out(suite: Suite) -> str:
    """What becomes of the images that are for tuning."""
    from p2lbench.report.text import count

    are = "is" if len(suite.tune_images) == 1 else "are"
    images = count(len(suite.tune_images), "image")
    return f"{images} {are} for tuning only (split: tune): not run; p2lbench tune uses them"


def followed(
    planned: Plan,
    plugins: Plugins,
    executor: Executor,
    results: Path,
    *,
    limit: int | None = None,
    fresh: bool = False,
    film: bool = False,
) -> Outcome:
    """A plan's run with its progress on stderr, and at an interrupt the command to go on with."""
    from p2lbench import runner
    from p2lbench.report.progress import RunProgress

    total = len(planned) if limit is None else min(limit, len(planned))
    with going_on(fresh), RunProgress(total, console=log()) as progress:
        return runner.run(
            planned,
            plugins.registry,
            executor,
            results,
            progress,
            limit=limit,
            fresh=fresh,
            film=film,
        )


@contextmanager
def going_on(fresh: bool) -> Iterator[None]:
    """At an interrupt inside, tells the command to go on with."""
    try:
        yield
    except KeyboardInterrupt:
        said = f"interrupted; what was finished is kept. To go on: {again(sys.argv[1:])}"
        log().print(Text(said), soft_wrap=True)
        if fresh:
            log().print(
                Text("What --fresh did not come to keeps its results from before"), soft_wrap=True
            )
        raise


def again(words: Sequence[str]) -> str:
    """The command of these words, to go on with: with --fresh it would begin anew."""
    return shlex.join(["p2lbench", *(word for word in words if word != "--fresh")])


def draw(folder: Path, quiet: bool) -> tuple[Leaderboard, dict[str, Path]]:
    """Make the pictures and tables that stay in the results folder; the table, and the pictures."""
    from p2lbench import leaderboard
    from p2lbench.folder import explained
    from p2lbench.report import figures, formats
    from p2lbench.store import Store

    with log().status("drawing …") if not quiet else nullcontext():
        with Store.open_read(folder) as store:
            board = leaderboard.load(store)
            grid = figures.draw_grid(folder / "grid.png", store, board)
            curves = figures.draw_curves(folder / "curves.png", store, board)
        with explained(folder):
            for form, suffix in (("csv", "csv"), ("markdown", "md")):
                text = formats.render(board, form)
                (folder / f"leaderboard.{suffix}").write_text(text, encoding="utf-8")
    return board, {"grid": grid, "curves": curves}


def _show(outcome: Outcome, board: Leaderboard, pictures: dict[str, Path]) -> None:
    from p2lbench.report.terminal import LeaderboardView

    console = out()
    console.print(LeaderboardView(board))
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
