"""`p2lbench import`: a results folder out of an archive."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from p2lbench.cli.common import JSON, emit, show
from p2lbench.cli.run import RESULTS


def import_(
    file: Annotated[Path, typer.Argument(help="What `export --to archive` wrote.")],
    results: RESULTS = Path("results"),
    as_json: JSON = False,
) -> None:
    """Unpack a results folder that was exported; nothing is overwritten."""
    from p2lbench.archive import read

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
    show(Text(f"{found.folder}: {found.files} files, each as its SHA-256 says"))
    show(Text(f"See: p2lbench leaderboard {found.folder}; p2lbench verify {found.folder}"))
