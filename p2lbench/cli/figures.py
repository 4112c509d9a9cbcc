"""`p2lbench figures`: a results folder's figures for a paper."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from p2lbench.cli.common import FOLDER, PLUGIN, logs_only, show, table
from p2lbench.cli.waiting import waiting


class Form(StrEnum):
    """The files."""

    pdf = "pdf"
    png = "png"


class Width(StrEnum):
    """How wide they are in print."""

    column = "column"
    page = "page"


def figures(
    folder: FOLDER,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Where to; default: FOLDER/figures."),
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="PDF, or PNG of 300 dpi.")] = Form.pdf,
    width: Annotated[
        Width, typer.Option("--width", help="Of one column of a paper, or of its page.")
    ] = Width.column,
    plugin: PLUGIN = None,
) -> None:
    """Draw a results folder's figures for a paper, one per file."""
    from p2lbench import leaderboard
    from p2lbench.plugins import load
    from p2lbench.report.paper import draw_all
    from p2lbench.store import Store

    lines: list[list[str]] = []
    with Store.open_read(folder) as store, waiting("reading the results") as say, logs_only():
        registry = load(plugin or []).registry
        board = leaderboard.load(store)
        say("drawing figures")
        where = output or folder / "figures"
        for one in draw_all(store, board, where, form.value, width.value, registry):
            lines.append([one.name, str(one.path or "not drawn"), one.reason])
            say(f"drawing figures: {len(lines)} done")
    made = table(["figure", "file", ""], lines)
    made.columns[1].no_wrap = True  # to be copied
    show(made)
