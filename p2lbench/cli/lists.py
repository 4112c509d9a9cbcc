"""`p2lbench list`: what a suite may name."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.text import Text

from p2lbench.cli.common import JSON, PLUGIN, complain, emit, logs_only, show, table


class Kind(StrEnum):
    """What can be listed."""

    generators = "generators"
    losses = "losses"
    metrics = "metrics"
    transforms = "transforms"
    inits = "inits"
    optimizers = "optimizers"
    suites = "suites"


def list_(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show options.")] = False,
    plugin: PLUGIN = None,
    as_json: JSON = False,
) -> None:
    """List what a suite may name."""
    with logs_only():
        rows = _suites() if kind is Kind.suites else _entries(kind.value, verbose, plugin or [])
    if as_json:
        emit(rows)
        return
    lines: list[tuple[str | Text, ...]] = []
    for row in rows:
        lines.append((row["name"], row["origin"], row["summary"]))
        for option in row.get("options", []):
            default = f" = {option['default']}" if option["default"] else ""
            default += f"; tuned over {option['tuned']}" if option["tuned"] else ""
            name = Text(f"    {option['name']}", style="dim")
            lines.append((name, "", Text(f"{option['type']}{default}", style="dim")))
    show(table(("name", "origin", "what it is"), lines))


def _entries(kind: str, verbose: bool, files: list[Any]) -> list[dict[str, Any]]:
    from p2lbench.plugins import load

    plugins = load(files)
    for report in plugins.broken:
        complain(f"plugin '{report.name}' of {report.origin} did not load: {report.error}")
    entries = list(plugins.registry.entries(kind))
    if kind == "metrics":
        entries += [e for e in plugins.registry.entries("losses") if e not in entries]
    return [_row(entry, verbose) for entry in sorted(entries, key=lambda entry: entry.name)]


def _row(entry: Any, verbose: bool) -> dict[str, Any]:
    name = f"{entry.name}<Name>" if entry.family else entry.name
    row: dict[str, Any] = {
        "name": name,
        "origin": str(entry.origin),
        "summary": entry.summary,
    }
    if verbose:
        from p2lbench.options import describe

        tunable = getattr(entry.load(), "tunable", {})
        row["options"] = [
            {"name": option, "type": kind, "default": default, "tuned": _text(tunable.get(option))}
            for option, kind, default in describe(entry)
        ]
    return row


def _text(values: Any) -> str | None:
    return None if values is None else str(values)


def _suites() -> list[dict[str, Any]]:
    from p2lbench.suite import shipped

    return [
        {"name": name, "origin": "p2lbench", "summary": _first_comment(path), "file": str(path)}
        for name, path in shipped().items()
    ]


def _first_comment(path: Any) -> str:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.lstrip("# ").strip() if first.startswith("#") else ""
