"""`p2lbench plugins check`."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from p2lbench.cli.common import JSON, PLUGIN, Kind, emit, log, out, show, table
from p2lbench.report.text import count, encodable, plain

if TYPE_CHECKING:
    from p2lbench.testing.isolated import Examination, Outcome, Plugin

STYLES = {"passed": "green", "failed": "red", "skipped": "dim"}
MARKS = {"passed": "✓", "failed": "✗", "skipped": "–"}
PLAIN_MARKS = {"passed": "+", "failed": "x", "skipped": "-"}

Checked = list[tuple["Plugin", list["Outcome"]]]


def check(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE",
            help="A registered name, or '{name: {option: value}}'; or a .py file, an installed "
            "plugin or its module, for all that it registers.",
        ),
    ],
    plugin: PLUGIN = None,
    kind: Annotated[Kind | None, typer.Option("--kind", help="If a name is not enough.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="OPTION=YAML", help="An option of the plugin."),
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, metavar="SECONDS", help="For each check.")
    ] = 60.0,
    as_json: JSON = False,
) -> None:
    """Check that plugins keep their contract."""
    from p2lbench.testing.isolated import Examination

    chosen = None if kind is None else kind.value
    with Examination(name, chosen, plugin or (), settings or (), timeout) as examination:
        checked = _examined(examination)
    if as_json:
        emit([_document(*each) for each in checked])
    else:
        _show(checked)
    failed = any(outcome.status == "failed" for _, outcomes in checked for outcome in outcomes)
    raise typer.Exit(1 if failed else 0)


def _examined(examination: Examination) -> Checked:
    """Every plugin with its outcomes; on stderr, what is being done."""
    console, checked = log(), []
    with console.status("loading …") if console.is_terminal else nullcontext() as status:
        plugins = examination.plugins()
        for number, plugin in enumerate(plugins):
            outcomes: list[Outcome] = []
            checked.append((plugin, outcomes))
            if status is None:
                console.print(Text(f"checking {_title(plugin)}"), soft_wrap=True)
            else:
                status.update(Text(f"{_title(plugin)}: {plugin.checks[0][1]}"))
            for outcome in examination.outcomes(number, plugin):
                outcomes.append(outcome)
                if status is not None and len(outcomes) < len(plugin.checks):
                    done = f"{len(outcomes)}/{len(plugin.checks)}"
                    title = plugin.checks[len(outcomes)][1]
                    status.update(Text(f"{_title(plugin)} {done}: {title}"))
    return checked


def _title(plugin: Plugin) -> str:
    return plain(f"{plugin.kind} '{plugin.name}' of {plugin.origin}")


def _document(plugin: Plugin, outcomes: list[Outcome]) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "kind": plugin.kind,
        "origin": plugin.origin,
        "checks": [
            {
                "id": outcome.id,
                "title": outcome.title,
                "status": outcome.status,
                "reason": outcome.reason,
                "seconds": round(outcome.seconds, 3),
            }
            for outcome in outcomes
        ],
    }


def _show(checked: Checked) -> None:
    console = out()
    marks = MARKS if encodable("✓✗–", console.encoding) == "✓✗–" else PLAIN_MARKS
    for number, (plugin, outcomes) in enumerate(checked):
        if number:
            console.print()
        if plugin.lacks:
            show(Text.assemble((f"{marks['skipped']} {_title(plugin)}: {plugin.lacks}", "dim")))
            continue
        rows = [
            (Text(marks[outcome.status], STYLES[outcome.status]), outcome.id, _said(outcome))
            for outcome in outcomes
        ]
        show(table(("", "check", "what it says"), rows, title=_title(plugin)))
        show(_summary(outcomes))


def _said(outcome: Outcome) -> Text:
    text = Text(outcome.title)
    if outcome.reason:
        text.append(f"\n{plain(outcome.reason)}", STYLES[outcome.status])
    return text


def _summary(outcomes: list[Outcome]) -> Text:
    counts = Counter(outcome.status for outcome in outcomes)
    seconds = sum(outcome.seconds for outcome in outcomes)
    parts = [
        f"{count(counts['passed'], 'check')} passed",
        *([f"{counts['failed']} failed"] if counts["failed"] else []),
        *([f"{counts['skipped']} did not apply"] if counts["skipped"] else []),
    ]
    style = "red" if counts["failed"] else "green"
    return Text(f"{', '.join(parts)} in {seconds:.1f} s", style)
