"""`p2lbench tune`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from math import isinf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from p2lbench.cli.common import JSON, PLUGIN, emit, log, logs_only, out, relative, show
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
from p2lbench.cli.run import RESULTS, SET, SUITE, followed
from p2lbench.tuning import TRIALS

if TYPE_CHECKING:
    from p2lbench.plan import Plan
    from p2lbench.tuning.job import Job, Tuning


def tune(
    suite: SUITE,
    trials: Annotated[
        int, typer.Option("--trials", min=2, max=4096, help="Of each method, as written included.")
    ] = TRIALS,
    results: RESULTS = Path("results"),
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="The tuned suite.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option("--metric", help="Choose by this metric, not by the objective.")
    ] = None,
    optimizer: Annotated[
        list[str] | None,
        typer.Option("--optimizer", metavar="ROW", help="Tune this row alone; may be repeated."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of what is tried.")] = 0,
    executor: EXECUTOR = ExecutorName.processes,
    workers: WORKERS = None,
    scheduler: SCHEDULER = None,
    memory: MEMORY = None,
    device: DEVICE = "auto",
    plugin: PLUGIN = None,
    overrides: SET = None,
    as_json: JSON = False,
) -> None:
    """Choose the optimizers' options on a suite's tune images, equally many trials for each."""
    from p2lbench.plan import plan
    from p2lbench.suite import load
    from p2lbench.tuning import job as jobs

    with logs_only():
        where = Where(executor, workers, scheduler, memory)
        checked, plugins = load(suite, plugin or (), overrides or ())
        job = jobs.prepare(
            checked,
            plugins.registry,
            trials=trials,
            seed=seed,
            metric=metric,
            only=optimizer or (),
            output=output,
        )
        planned = plan(job.trials, plugins, chosen_device(device, scheduler))
        chosen = chosen_executor(where, planned, plugins.registry)
        for line in _announced(job, planned):
            log().print(Text(line), soft_wrap=True)
        outcome = followed(planned, plugins, chosen, results)
        tuning = jobs.finish(job, outcome)
        picture = _drawn(tuning)
    if as_json:
        emit(tuning.document)
    else:
        _show(tuning, picture, plugin or [])
    raise typer.Exit(0 if tuning.clean else 1)


def _announced(job: Job, planned: Plan) -> Iterator[str]:
    """What it will cost, and what is left out."""
    from p2lbench.report.text import count

    trials, passes = max(len(row.trials) for row in job.rows), job.suite.budget.passes
    cost = "of as many passes as their steps ask for: the suite has no budget.passes"
    if not isinf(passes):
        cost = f"of at most {passes:,g} passes, {len(planned) * passes:,g} in all"
    tuned = count(sum(bool(row.trials) for row in job.rows), "method")
    images = count(len(planned.suite.images), "image")
    yield f"{tuned}, {trials} trials each, on {images}: {count(len(planned), 'cell')} {cost}"
    kept = [row.label for row in job.rows if not row.trials]
    if kept:
        yield f"nothing to tune, kept as written: {', '.join(kept)}"


def _drawn(tuning: Tuning) -> Path:
    from p2lbench.report import tuning_figure
    from p2lbench.tuning.job import PICTURE

    title = f"{tuning.job.suite.name}: what tuning tried"
    path = tuning.outcome.folder / PICTURE
    return tuning_figure.draw(path, title, tuning.choices, tuning.job.measure)


def _show(tuning: Tuning, picture: Path, plugin_files: Sequence[Path]) -> None:
    from p2lbench.report.tuning_table import TuningView
    from p2lbench.tuning.job import DOCUMENT

    console, tuned = out(), relative(tuning.job.output)
    show(TuningView(tuning))
    plugins = [word for file in plugin_files for word in ("--plugin", str(file))]
    rows = [
        ("tuned suite", tuned),
        ("all trials", relative(tuning.outcome.folder / DOCUMENT)),
        ("picture", relative(picture)),
        ("next", shlex.join(["p2lbench", "run", tuned, *plugins])),
    ]
    console.print()
    for name, text in rows:
        console.print(Text.assemble((f"{name:<13}", "bold"), text), soft_wrap=True)
