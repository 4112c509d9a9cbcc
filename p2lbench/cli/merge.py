"""`p2lbench merge`: the results folders of several machines, joined."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from p2lbench.cli.common import JSON, emit, out, relative, show, table
from p2lbench.cli.run import RESULTS, draw
from p2lbench.cli.waiting import waiting
from p2lbench.errors import UserError

if TYPE_CHECKING:
    from p2lbench.merging import Merged


def merge(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDER", help="Two or more results folders of one suite."),
    ],
    results: RESULTS = Path("results"),
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FOLDER", help="The new folder, instead."),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Join results folders of one suite in a new one; they are only read.

    Exit code 1: some cell has different points in two of them; the first folder's are kept.
    """
    from p2lbench.merging import merge

    if len(folders) < 2:
        raise UserError("merge: expected two or more results folders, got one")
    with waiting("joining the folders"):
        merged = merge(folders, results, output)
    draw(merged.folder, as_json)
    if as_json:
        emit(
            {
                "suite": merged.suite,
                "results": str(merged.folder),
                "cells": sum(merged.taken.values()),
                "from": merged.taken,
                "conflicts": [conflict.to_json() for conflict in merged.conflicts],
            }
        )
    else:
        _show(merged)
    raise typer.Exit(1 if merged.conflicts else 0)


def _show(merged: Merged) -> None:
    from p2lbench.report.text import count

    if merged.conflicts:
        lines = [
            (
                conflict.row.row[4],
                conflict.row.image,
                str(conflict.row.repeat),
                str(conflict.folder),
                "" if conflict.deviation is None else f"{conflict.deviation:.2g}",
            )
            for conflict in merged.conflicts
        ]
        columns = ("row", "image", "repeat", "other in", "deviation")
        show(table(columns, lines, title="Different points; the first folder's are kept"))
    for folder, cells in merged.taken.items():
        out().print(Text(f"{count(cells, 'cell')} of {relative(Path(folder))}"), soft_wrap=True)
    command = shlex.join(["p2lbench", "leaderboard", relative(merged.folder)])
    out().print(Text(command), soft_wrap=True)
