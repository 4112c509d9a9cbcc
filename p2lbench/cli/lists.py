"""`p2lbench list`: what a suite may name."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from p2lbench.cli.common import JSON, PLUGIN, complain, emit, logs_only, show, table
from p2lbench.errors import PluginError
from p2lbench.report.text import plain


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
        lines.append((row["name"], row["origin"], row["summary"] + _counted(row)))
        for option in row.get("options", []):
            default = f" = {option['default']}" if option["default"] else ""
            default += f"; tuned over {option['tuned']}" if option["tuned"] else ""
            name = Text(f"    {option['name']}", style="dim")
            lines.append((name, "", Text(f"{option['type']}{default}", style="dim")))
    show(table(("name", "origin", "what it is"), lines))
    for row in rows if verbose else []:
        _show_members(row)


def _counted(row: dict[str, Any]) -> str:
    """How many names of a family work, where that is known."""
    reasons = [member["reason"] for member in row.get("members", [])]
    known = f": {reasons.count(None)} of {len(reasons)} work; --verbose lists them"
    return known if reasons else ""


def _show_members(row: dict[str, Any]) -> None:
    """The names of a family: those that work, then the others by reason."""
    by_reason: dict[str, list[str]] = {}
    for member in row.get("members", []):
        by_reason.setdefault(member["reason"] or "", []).append(member["name"])
    for reason, names in sorted(by_reason.items(), key=lambda item: (item[0] != "", -len(item[1]))):
        several = f"{len(names)} do not, since each"
        title = f"{several if len(names) > 1 else '1 does not, since it'} {reason}"
        heading = Text(plain(f"{row['name']}: {title if reason else f'{len(names)} work'}"), "bold")
        show(Group("", heading, Padding(Text(plain(", ".join(names))), (0, 0, 0, 4))))


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
    if entry.family:
        row["members"] = _members(entry)
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


def _members(entry: Any) -> list[dict[str, Any]]:
    """What the factory of a family knows of its names, if it has `members`."""
    members: Mapping[str, str | None] = {}
    with suppress(PluginError):  # what cannot be loaded is told when it is used
        members = getattr(entry.load(), "members", dict)()
    return [
        {"name": name, "status": "does not work" if reason else "works", "reason": reason}
        for name, reason in sorted(members.items())
    ]


def _suites() -> list[dict[str, Any]]:
    from p2lbench.suite import shipped

    return [
        {"name": name, "origin": "p2lbench", "summary": _first_comment(path), "file": str(path)}
        for name, path in shipped().items()
    ]


def _first_comment(path: Any) -> str:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.lstrip("# ").strip() if first.startswith("#") else ""
