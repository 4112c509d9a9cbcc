"""`p2lbench finetune`."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from p2lbench.cli.chosen import CANDIDATE, IMAGE, REPEAT, ROW
from p2lbench.cli.common import FOLDER, JSON, PLUGIN, emit, log, logs_only, out, relative
from p2lbench.cli.executors import DEVICE, chosen_device
from p2lbench.cli.waiting import waiting

if TYPE_CHECKING:
    from collections.abc import Callable

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
    from p2lbench.plugins import load as load_plugins
    from p2lbench.projection import load

    options = Options(weight, lr, stop, stop_on, steps)
    with logs_only():
        with waiting("loading the projection"):
            registry = load_plugins(plugin or []).registry
            projection = load(
                folder,
                registry,
                row=row,
                image=image,
                repeat=repeat,
                candidate=candidate,
                device=chosen_device(device),
            )
        where = place(projection.folder, projection.row.cell, projection.candidate, name)
        with _Bar(options) as bar:
            tuned = descend(projection, options, bar.step)
        document = write(tuned, where)
    if as_json:
        emit({"folder": str(where), **document})
    else:
        _show(tuned, where, projection)


_LOOK = 30  # steps, after which it is seen whether the weights move


class _Bar:
    """The loss on the way, on stderr: a bar in a terminal, lines elsewhere."""

    def __init__(self, options: Options) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        live = log().is_terminal
        self._progress = Progress(*columns, console=log(), transient=True, disable=not live)
        self._lines: AbstractContextManager[Callable[[str], None]] = (
            nullcontext(lambda _: None) if live else waiting("fine-tuning")
        )
        self._weight, self._first = options.weight, 0.0
        self._task = self._progress.add_task("fine-tuning", total=max(options.steps, 1))

    def __enter__(self) -> _Bar:
        self._progress.start()
        self._say = self._lines.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.__exit__(None, None, None)
        self._progress.stop()

    def step(self, done: int, loss: float, distance: float) -> None:
        if done == 1:
            self._first = distance
        if done == _LOOK and distance < self._first:
            text = f"the weights hardly move: lambda {self._weight:g} holds them; try --weight 1"
            self._progress.console.print(Text(text), soft_wrap=True)
        text = f"step {done}: loss {loss:.4f}, weights moved {distance:.3g}"
        self._progress.update(self._task, completed=done, description=text)
        self._say(text)


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
