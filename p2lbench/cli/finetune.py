"""`p2lbench finetune`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from p2lbench.cli.chosen import CANDIDATE, IMAGE, REPEAT, ROW, loaded
from p2lbench.cli.common import FOLDER, JSON, PLUGIN, emit, log, logs_only, out, relative
from p2lbench.cli.executors import DEVICE
from p2lbench.cli.waiting import waiting

if TYPE_CHECKING:
    from p2lbench.finetuning.descent import FineTuned
    from p2lbench.finetuning.options import Options
    from p2lbench.projection import Projection


def finetune(
    folder: FOLDER,
    row: ROW = None,
    image: IMAGE = None,
    repeat: REPEAT = None,
    candidate: CANDIDATE = None,
    weight: Annotated[
        float, typer.Option("--weight", help="Lambda, of the distance of the weights.")
    ] = 1000.0,
    lr: Annotated[float, typer.Option("--lr", help="Adam's step size.")] = 1e-4,
    stop: Annotated[float, typer.Option("--stop", help="Ends below this loss.")] = 0.1,
    stop_on: Annotated[
        str,
        typer.Option("--stop-on", metavar="loss|TERM", help="The whole loss, or one of its terms."),
    ] = "loss",
    steps: Annotated[int, typer.Option("--steps", help="Ends after so many at the latest.")] = 1000,
    name: Annotated[
        str | None, typer.Option("--name", help="Added to the name of what is written.")
    ] = None,
    device: DEVICE = "auto",
    plugin: PLUGIN = None,
    as_json: JSON = False,
) -> None:
    """Fine-tune a generator to one projection of a results folder (paper, section 3.5)."""
    from p2lbench.finetuning.descent import descend
    from p2lbench.finetuning.options import Options
    from p2lbench.finetuning.stored import place
    from p2lbench.finetuning.writing import write

    options = Options(weight, lr, stop, stop_on, steps)
    with logs_only():
        projection, _ = loaded(folder, plugin, device, row, image, repeat, candidate)
        where = place(projection.folder, projection.row.cell, projection.candidate, name)
        with _telling(options) as step:
            tuned = descend(projection, options, step)
        document = write(tuned, where)
    if as_json:
        emit({"folder": str(where), **document})
    else:
        _show(tuned, where, projection)


_LOOK = 30  # steps, after which it is seen whether the weights move


@contextmanager
def _telling(options: Options) -> Iterator[Callable[[int, float, float], None]]:
    """Whom to tell steps done, loss and distance, on stderr: a bar or lines."""
    console, first = log(), 0.0
    with _bar(console, options) if console.is_terminal else _lines() as tell:

        def step(done: int, loss: float, distance: float) -> None:
            nonlocal first
            if done == 1:
                first = distance
            if done == _LOOK and distance < first:
                held = f"lambda {options.weight:g} holds them; try --weight 1"
                console.print(Text(f"the weights hardly move: {held}"), soft_wrap=True)
            tell(done, f"step {done}: loss {loss:.4f}, weights moved {distance:.3g}")

        yield step


@contextmanager
def _bar(console: Console, options: Options) -> Iterator[Callable[[int, str], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("fine-tuning", total=max(options.steps, 1))
        yield lambda done, text: progress.update(task, completed=done, description=text)


@contextmanager
def _lines() -> Iterator[Callable[[int, str], None]]:
    with waiting("fine-tuning") as say:
        yield lambda _, text: say(text)


def _show(tuned: FineTuned, where: Path, projection: Projection) -> None:
    from p2lbench.finetuning.writing import stopped

    console, row = out(), projection.row
    style = "green" if tuned.reached else "yellow"
    head = f"{row.row[4]} on {row.image}, candidate {projection.candidate}: "
    console.print(Text(head + stopped(tuned), style), soft_wrap=True)
    console.print(Text(f"loss {tuned.losses[0]:.4g} → {tuned.losses[-1]:.4g}"), soft_wrap=True)
    for name, (before, after) in tuned.terms.items():
        console.print(Text(f"  {name} {before:.4g} → {after:.4g}"), soft_wrap=True)
    console.print(Text(f"weights moved {tuned.distances[-1]:.3g}"), soft_wrap=True)
    if held_back(tuned):
        console.print(
            Text(
                f"lambda {tuned.options.weight:g} is more than the loss's slope: the weights stay "
                "where they were. A smaller --weight lets them go"
            ),
            soft_wrap=True,
        )
    console.print(Text(relative(where.absolute())), soft_wrap=True)


def held_back(tuned: FineTuned) -> bool:
    """Whether it missed its end with weights that lie nearer than where a few steps lead."""
    few = len(tuned.distances) <= 2
    return not (few or tuned.reached) and tuned.distances[-1] <= tuned.distances[1]
