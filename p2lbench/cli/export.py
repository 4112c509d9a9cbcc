"""`p2lbench export`: a results folder for other programs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from p2lbench.cli.common import FOLDER, log
from p2lbench.cli.waiting import waiting
from p2lbench.errors import UserError
from p2lbench.report.text import count, plain

if TYPE_CHECKING:
    from p2lbench.exports import Per


class To(StrEnum):
    """What a folder can be exported to."""

    parquet = "parquet"
    csv = "csv"
    archive = "archive"


class Lines(StrEnum):
    """What a line is."""

    value = "value"
    cell = "cell"


def export(
    folder: FOLDER,
    to: Annotated[To, typer.Option("--to", help="The format.")],
    per: Annotated[
        Lines | None,
        typer.Option("--per", help="A line per value (candidate, frame and metric), or per cell."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Where to; default: values.csv or so in the folder, NAME.zip here.",
        ),
    ] = None,
) -> None:
    """Write a results folder as a table of one line per value or cell, or as one file to import."""
    if to is To.archive:
        _archive(folder, per, output)
        return
    lines = per or Lines.value
    path = output or folder / f"{lines.value}s.{to.value}"
    written = _tabular(folder, to, lines, path)
    log().print(plain(f"{count(written, 'line')} in {path}"), markup=False, soft_wrap=True)


def _archive(folder: Path, per: Lines | None, output: Path | None) -> None:
    from p2lbench.archive import write

    if per is not None:
        raise UserError("--per: an archive has no lines; leave it out")
    path = output or Path(f"{folder.absolute().name}.zip")
    with waiting("packing the archive"):
        files = write(folder, path)
    log().print(plain(f"{count(files, 'file')} in {path}"), markup=False, soft_wrap=True)


def _tabular(folder: Path, to: To, per: Lines, path: Path) -> int:
    from p2lbench.exports import COLUMNS, pages
    from p2lbench.report import tabular
    from p2lbench.store import Store

    if path.is_dir():
        raise UserError(f"-o: expected a file, got the folder {path}")
    if path.suffix != f".{to.value}":
        raise UserError(f"-o: expected a file that ends in .{to.value}, got {path}")
    if path.parent != folder and not path.parent.is_dir():
        raise UserError(f"-o: there is no folder {path.parent}; make it first")
    if not tabular.replaceable(path, to.value):
        raise UserError(f"{path}: exists and is no export of p2lbench. Give another file with -o")
    kind: Per = per.value
    with Store.open_read(folder) as store, waiting(f"writing {path.name}"):
        if not store.header():
            raise UserError(f"{folder}: no run has been planned here yet; run the suite first")
        return tabular.write(path, to.value, COLUMNS[kind], pages(store, kind))
