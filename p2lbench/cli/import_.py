"""`p2lbench import`: a results folder out of an archive."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from p2lbench.cli.common import JSON, emit, out, relative
from p2lbench.cli.run import RESULTS
from p2lbench.cli.waiting import waiting


def import_(
    file: Annotated[Path, typer.Argument(help="What `export --to archive` wrote.")],
    results: RESULTS = Path("results"),
    as_json: JSON = False,
) -> None:
    """Unpack a results folder that was exported; nothing is overwritten."""
    from p2lbench.archive import read

    with waiting("unpacking, and checking each file"):
        found = read(file, results)
    if as_json:
        emit(
            {
                "suite": found.suite,
                "results": str(found.folder),
                "files": found.files,
                "bytes": found.bytes,
            }
        )
        return
    console, folder = out(), relative(found.folder)
    told = f"{folder}: {found.files} files, each as its SHA-256 says"
    console.print(Text(told), soft_wrap=True)
    for command in ("leaderboard", "verify"):
        console.print(Text(shlex.join(["p2lbench", command, folder])), soft_wrap=True)
