"""`p2lbench plugins`."""

from __future__ import annotations

from typing import Any

import typer
from rich.text import Text

from p2lbench.cli.common import JSON, PLUGIN, emit, logs_only, out, table

app = typer.Typer(no_args_is_help=True)


@app.callback()
def plugins() -> None:
    """What is plugged in."""


@app.command("list")
def list_(plugin: PLUGIN = None, as_json: JSON = False) -> None:
    """List every plugin that was found, with what it registers or why it did not load."""
    from p2lbench.plugins import Report, load

    def row(report: Report) -> dict[str, Any]:
        return {
            "name": report.name,
            "origin": str(report.origin),
            "summary": report.error or ", ".join(report.registered),
            "status": "failed" if report.error else "loaded",
            "error": report.error,
            "registered": list(report.registered),
            "file": report.file,
        }

    with logs_only():
        rows = [row(report) for report in load(plugin or []).reports]
    if as_json:
        emit(rows)
        return
    lines = [
        (
            row["name"],
            row["origin"],
            Text(row["status"], style="red" if row["error"] else "green"),
            row["summary"],
        )
        for row in rows
    ]
    out().print(table(("plugin", "origin", "status", "registers, or why not"), lines))
