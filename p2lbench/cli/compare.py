"""`p2lbench compare`: two results folders side by side."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from p2lbench.cli.common import FOLDER, JSON, emit, show
from p2lbench.cli.waiting import waiting


class Format(StrEnum):
    """How a comparison is printed."""

    table = "table"
    json = "json"
    markdown = "markdown"


def compare(
    first: FOLDER,
    second: Annotated[Path, typer.Argument(help="Another, which is compared to the first.")],
    metric: Annotated[
        str | None, typer.Option("--metric", metavar="NAME", help="The one to look at first.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.table,
    as_json: JSON = False,
) -> None:
    """Compare the rows of one name in two results folders, on the images that both have."""
    from p2lbench import sidebyside
    from p2lbench.report import sidebysideview
    from p2lbench.store import Store

    with (
        Store.open_read(first) as one,
        Store.open_read(second) as other,
        waiting("comparing the results"),
    ):
        board = sidebyside.compare(one, other, metric)
    if as_json or form is Format.json:
        emit(board.to_json())
    elif form is Format.markdown:
        sys.stdout.write(sidebysideview.as_markdown(board))
    else:
        show(sidebysideview.SideBySideView(board))
