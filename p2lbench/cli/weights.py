"""`p2lbench weights`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from p2lbench.cli.common import JSON, complain, emit, log, out, show, table

if TYPE_CHECKING:
    from p2lbench.weights import Located, Row

app = typer.Typer(no_args_is_help=True)
NAME = Annotated[str, typer.Argument(help="A name in the catalogue, see `weights list`.")]


@app.command("list")
def list_(as_json: JSON = False) -> None:
    """List the catalogue, and which of it is on this machine."""
    from p2lbench import weights

    rows = weights.listing()
    if as_json:
        emit([asdict(row) for row in rows])
        return
    lines = [
        (
            row.name,
            Text("present", "green") if row.present else Text("missing", "yellow"),
            {True: "yes", False: "no", None: ""}[row.verified],
            f"{row.size / 1e6:.1f} MB",
            _where(row),
        )
        for row in rows
    ]
    show(table(("name", "here", "published file", "size", "where"), lines))


def _where(row: Row) -> str:
    if row.problem:
        return row.problem
    if row.origin == "package":
        return "comes with p2lbench"
    return row.path or f"p2lbench weights fetch {row.name}"


@app.command("fetch")
def fetch(name: NAME, as_json: JSON = False) -> None:
    """Download a file of the catalogue, resumed and checked."""
    from p2lbench import weights

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=log()) as progress:
        task = progress.add_task(name, total=None)
        located = weights.fetch(
            name, lambda done, total: progress.update(task, completed=done, total=total)
        )
    _tell(located, as_json)


@app.command("add")
def add(
    name: NAME,
    file: Annotated[Path, typer.Argument(help="The file to use under that name.")],
    as_json: JSON = False,
) -> None:
    """Use a file of your own under a name of the catalogue."""
    from p2lbench import weights

    _tell(weights.add(name, file), as_json)


def _tell(located: Located, as_json: bool) -> None:
    if as_json:
        emit({**asdict(located), "path": str(located.path)})
        return
    out().print(Text(f"{located.name}: {located.path}"), soft_wrap=True)
    out().print(Text(located.note or located.described), soft_wrap=True)


@app.command("verify")
def verify(as_json: JSON = False) -> None:
    """Hash every file again; exit code 2 if one is not what it was."""
    from p2lbench import weights

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
