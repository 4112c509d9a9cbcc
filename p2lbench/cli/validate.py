"""`p2lbench validate`."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from p2lbench.cli.common import JSON, PLUGIN, emit, logs_only, out, show, table
from p2lbench.cli.executors import default_workers
from p2lbench.cli.run import SET, SUITE, left_out
from p2lbench.cli.waiting import waiting

if TYPE_CHECKING:
    from p2lbench.estimate.estimating import Estimate
    from p2lbench.plan import Plan
    from p2lbench.plugins import Plugins
    from p2lbench.reference.match import Reference

ESTIMATE = Annotated[
    bool,
    typer.Option(
        envvar="P2LBENCH_ESTIMATE",
        help="Say how long it takes on this machine, from a short calibration.",
    ),
]


def validate(
    suite: SUITE,
    plugin: PLUGIN = None,
    overrides: SET = None,
    estimate: ESTIMATE = True,
    as_json: JSON = False,
) -> None:
    """Check a suite without running it, and say what it would run, and how long that takes."""
    from p2lbench.plan import plan
    from p2lbench.reference.match import match
    from p2lbench.suite import load

    with logs_only():
        checked, plugins = load(suite, plugin or (), overrides or ())
        planned = plan(checked, plugins)
        stored = match(planned, plugins.registry)
        estimated = _estimated(planned, plugins, stored) if estimate else None
    document = summary(planned, stored, estimated)
    if as_json:
        emit(document)
        return
    console = out()
    console.print(Text(f"{checked.name}: valid", style="green"))
    for key in ("images", "methods", "repeats", "candidates", "cells"):
        console.print(Text(f"  {key:<11}{document[key]}"))
    if checked.tune_images:
        console.print(Text(f"  {left_out(checked)}"), soft_wrap=True)
    if estimated is None:
        for method in document["rows"]:
            console.print(Text(f"  · {' | '.join(method)}"), soft_wrap=True)
    else:
        _show(estimated)
    for line in [] if stored is None else _of_reference(stored):
        console.print(Text(f"  {line}"), soft_wrap=True)


def _estimated(planned: Plan, plugins: Plugins, stored: Reference | None) -> Estimate:
    from p2lbench.estimate.estimating import estimate

    there = {row.labels for row in (() if stored is None else stored.rows) if row.own}
    with waiting("measuring how long a pass takes") as say:
        return estimate(planned, plugins.registry, default_workers(planned), say, there)


def _show(estimated: Estimate) -> None:
    from p2lbench.report.estimate import HEADS, lines, rows

    console = out()
    for line in lines(estimated):
        console.print(Text(f"  {line}"), soft_wrap=True)
    show(table(HEADS, rows(estimated)))


def _of_reference(stored: Reference) -> Iterator[str]:
    """Its rows that stand beside the suite's, and why others do not."""
    from p2lbench.report.text import count

    many = f"{count(len(stored.rows), 'row')} of {len(stored.rows) + len(stored.left_out)}"
    yield f"reference  {many} of '{stored.suite}' (SHA-256 {stored.sha256[:12]})"
    for row in stored.rows:
        own = " (the same cells as here: not run)" if row.own else ""
        yield "; ".join((f"‡ {' | '.join(row.labels)}{own}", *row.told.differs))
    yield from stored.left_out


def summary(planned: Plan, stored: Reference | None, estimated: Estimate | None) -> dict[str, Any]:
    """What a plan comes to, its reference and its estimate, as JSON."""
    suite = planned.suite
    passes, seconds = suite.budget.passes, suite.budget.seconds
    return {
        "suite": suite.name,
        "file": str(suite.file),
        "images": len(suite.images),
        "tune_images": len(suite.tune_images),
        "methods": len(planned.methods),
        "repeats": suite.repeats,
        "candidates": suite.candidates,
        "cells": len(planned),
        "budget": {
            "passes": None if passes == inf else passes,
            "seconds": None if seconds == inf else seconds,
            "protocol": suite.protocol,
        },
        "rows": [list(method.row) for method in planned.methods],
        "reference": None if stored is None else stored.to_json(),
        "passes": None if estimated is None else estimated.passes,
        "estimate": None if estimated is None else estimated.to_json(),
    }
