"""`p2lbench weights`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from p2lbench.cli.common import JSON, PLUGIN, complain, emit, log, logs_only, out, show, table
from p2lbench.errors import UserError

if TYPE_CHECKING:
    from p2lbench.weights import Located, Row

app = typer.Typer(no_args_is_help=True)
NAME = Annotated[str, typer.Argument(help="A name in the catalogue, see `weights list`.")]


@app.command("list")
def list_(plugin: PLUGIN = None, as_json: JSON = False) -> None:
    """List the catalogue, and which of it is on this machine."""
    from p2lbench import weights

    _load_plugins(plugin)
    rows = weights.listing()
    if as_json:
        emit([asdict(row) for row in rows])
        return
    lines = [
        (
            row.name,
            Text("present", "green") if row.present else Text("missing", "yellow"),
            "recorded here" if row.recorded else {True: "yes", False: "no", None: ""}[row.verified],
            f"{row.size / 1e6:.1f} MB",
            _where(row),
        )
        for row in rows
    ]
    show(table(("name", "here", "published file", "size", "where"), lines))


def _load_plugins(files: Sequence[Path] | None) -> None:
    """Plugins add to the catalogue; what they print while they load is a log."""
    from p2lbench.plugins import load

    with logs_only():
        plugins = load(files or ())
    for report in plugins.broken:
        complain(f"plugin '{report.name}' of {report.origin} did not load: {report.error}")


def _where(row: Row) -> str:
    if row.problem:
        return row.problem
    if row.origin == "package":
        return "comes with p2lbench"
    if row.path is None:
        return f"p2lbench weights fetch {row.name}"
    return row.path if row.plugin else f"{row.path}: {row.purpose}"


@app.command("fetch")
def fetch(name: NAME, plugin: PLUGIN = None, as_json: JSON = False) -> None:
    """Download a file of the catalogue, resumed and checked; of checkpoints, convert it once."""
    from p2lbench import weights

    _load_plugins(plugin)
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=log()) as progress:
        located = weights.fetch(name, _Bar(progress, name))
    _tell(located, as_json)


class _Bar:
    """Rich's bar as pooch drives it."""

    def __init__(self, progress: Progress, name: str) -> None:
        self.progress, self.task = progress, progress.add_task(name, total=None)

    @property
    def total(self) -> float | None:
        """How many bytes there are."""
        return self.progress.tasks[self.task].total

    @total.setter
    def total(self, size: float) -> None:
        self.progress.update(self.task, total=size)

    def update(self, received: int) -> None:
        """More bytes are here."""
        self.progress.advance(self.task, received)

    def reset(self) -> None:
        """The count starts again."""
        self.progress.update(self.task, completed=0)

    def close(self) -> None:
        """Nothing more comes."""


@app.command("add")
def add(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME] FILE",
            help="A name of the catalogue, and the file to use for it; or a checkpoint, which may "
            "be a folder.",
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="A name of your own (the file's, if not given)."),
    ] = None,
    plugin: PLUGIN = None,
    as_json: JSON = False,
) -> None:
    """Use a file under a name of the catalogue, or bring a checkpoint of your own.

    StyleGAN2's: a .pkl of NVIDIA's, a .pt of rosinality's or safetensors. BigGAN-deep's: a folder
    with config.json and pytorch_model.bin, such a file, or safetensors. It is converted once;
    nothing in it is executed. Suites name it: {stylegan2: {weights: NAME}}.
    """
    from p2lbench import weights

    if len(what) > (2 if name is None else 1):
        raise UserError("expected NAME FILE, or FILE with or without --as NAME")
    _load_plugins(plugin)
    located = weights.add(*what) if len(what) == 2 else weights.bring(what[0], name)
    _tell(located, as_json)


def _tell(located: Located, as_json: bool) -> None:
    if as_json:
        emit({**asdict(located), "path": str(located.path)})
        return
    out().print(Text(f"{located.name}: {located.path}"), soft_wrap=True)
    out().print(Text(located.note or located.described), soft_wrap=True)


@app.command("where")
def where(
    name: Annotated[
        str | None, typer.Argument(help="A name of `weights list`; without it, the folder.")
    ] = None,
    plugin: PLUGIN = None,
    as_json: JSON = False,
) -> None:
    """Print where the file of a name is, or the folder; exit code 2 if it is not here."""
    from p2lbench import weights

    _load_plugins(plugin)
    path = weights.folder() if name is None else weights.locate(name).path
    if as_json:
        emit({"name": name, "path": str(path)})
        return
    out().print(Text(str(path)), soft_wrap=True)


@app.command("verify")
def verify(plugin: PLUGIN = None, as_json: JSON = False) -> None:
    """Hash every file again; exit code 2 if one is not what it was."""
    from p2lbench import weights

    _load_plugins(plugin)
    rows = weights.verify()
    bad = [row for row in rows if row.problem]
    if as_json and not bad:
        emit([asdict(row) for row in rows])
        return
    for row in bad:
        complain(f"{row.name}: {row.problem}")
    if bad:
        raise typer.Exit(2)
    out().print(Text("all files that are here are what they were", style="green"))
