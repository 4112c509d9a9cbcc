"""What the commands share: output on the right stream, tables, the options they have in common."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from p2lbench.report.text import plain

JSON = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
FOLDER = Annotated[Path, typer.Argument(help="A suite's results folder.")]
PLUGIN = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE", help="Load a plugin file; may be repeated."),
]


class Kind(StrEnum):
    """What a plugin can be."""

    generator = "generator"
    loss = "loss"
    metric = "metric"
    transform = "transform"
    init = "init"
    optimizer = "optimizer"


@dataclass
class State:
    """Options that stand before the command."""

    debug: bool = False


STATE = State()


def complain(message: str) -> None:
    """An error, on stderr."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for line in message.splitlines():
        console.print(Text(plain(line), style="red" if line else ""))


def emit(document: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")


@contextmanager
def logs_only() -> Iterator[None]:
    """Standard output is for the result: what plugins print inside goes to stderr.

    The descriptor is turned round as well, for what is written below Python's `sys.stdout`.
    """
    sys.stdout.flush()
    saved = None
    with suppress(OSError):  # closed: then nothing can be written to it
        saved = os.dup(1)
        os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if sys.__stdout__ is not None:
            sys.__stdout__.flush()
        if saved is not None:
            os.dup2(saved, 1)
            os.close(saved)


def out() -> Console:
    """The console on stdout."""
    return Console(highlight=False)


def log() -> Console:
    """The console on stderr: what is not a result."""
    return Console(stderr=True, highlight=False)


def show(renderable: RenderableType) -> None:
    """On stdout; without the padding of a terminal where it is none."""
    console = out()
    if console.is_terminal:
        console.print(renderable)
        return
    with console.capture() as capture:
        console.print(renderable)
    sys.stdout.write("\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n")


def cores() -> int:
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def table(columns: Sequence[str], rows: Sequence[Sequence[str | Text]], title: str = "") -> Table:
    """A plain table; texts are shown as they are."""
    made = Table(title=title or None, box=None, pad_edge=False, title_justify="left")
    for column in columns:
        made.add_column(column, header_style="bold", overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(plain(cell)) for cell in row))
    return made


def relative(path: Path) -> str:
    """A path as a user would write it here."""
    cwd = Path.cwd()
    return str(path.relative_to(cwd)) if path.is_relative_to(cwd) else str(path)
