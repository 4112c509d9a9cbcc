"""`p2lbench plugins`."""

from __future__ import annotations

from typing import Any

import typer
from rich.text import Text

from p2lbench.cli import check
from p2lbench.cli.common import JSON, PLUGIN, emit, logs_only, show, table

app = typer.Typer(no_args_is_help=True)
app.command("check")(check.check)


@app.callback()
def plugins() -> None:
    """What is plugged in."""


def _by_kind(registered: list[str]) -> str:
    kinds: dict[str, list[str]] = {}
    for kind, _, name in (text.partition(": ") for text in registered):
        kinds.setdefault(kind, []).append(name)
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds.items())


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
            row["error"] or _by_kind(row["registered"]),
        )
        for row in rows
    ]
    show(table(("plugin", "origin", "status", "registers, or why not"), lines))
