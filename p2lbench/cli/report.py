"""`p2lbench report`: a results folder as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from p2lbench.cli.common import FOLDER, JSON, emit, out
from p2lbench.cli.waiting import waiting


def report(
    folder: FOLDER,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Default: report.html in the folder."),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Write a results folder's report: one HTML file that needs nothing else."""
    from p2lbench.report.html import page, writing
    from p2lbench.store import Store

    target = folder / "report.html" if output is None else output
    with Store.open_read(folder) as store, waiting() as say:
        writing.check(target)
        text = page.render(store, say)
        writing.write(target, text)
    size = target.stat().st_size
    if as_json:
        emit({"report": str(target), "bytes": size})
        return
    out().print(Text(f"{target} ({size / 1e6:.1f} MB)"), soft_wrap=True)
