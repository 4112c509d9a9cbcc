"""`p2lbench verify`: is a results folder what its runs left?"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from p2lbench.cli.common import FOLDER, JSON, PLUGIN, emit, log, logs_only, show, table
from p2lbench.cli.executors import DEVICE, WORKERS
from p2lbench.cli.rescoring import SCORER, Scorer, scorer

if TYPE_CHECKING:
    from p2lbench.audit import Findings
    from p2lbench.store import Store

SHOWN = 20


def verify(
    folder: FOLDER,
    plugin: PLUGIN = None,
    executor: SCORER = Scorer.processes,
    workers: WORKERS = None,
    device: DEVICE = "auto",
    tolerance: Annotated[
        float, typer.Option("--tolerance", min=0, help="How far a number may be off, relatively.")
    ] = 1e-3,
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, help="Recompute N cells, drawn at random.")
    ] = None,
    as_json: JSON = False,
) -> None:
    """Recompute a results folder from its points, and say what differs.

    Exit code 0: all is verified; 1: something differs or cannot be verified here; 2: this is no
    results folder that can be read.
    """
    from p2lbench.store import Store

    began = time.monotonic()
    with logs_only(), Store.open_read(folder) as store:
        findings = _verified(store, plugin or [], executor, workers, device, tolerance, sample)
    if as_json:
        seconds = round(time.monotonic() - began, 3)
        emit({"results": str(folder), **findings.to_json(), "seconds": seconds})
    else:
        _show(findings)
    raise typer.Exit(0 if findings.clean else 1)


def _verified(
    store: Store,
    plugin: list[Path],
    executor: Scorer,
    workers: int | None,
    device: str,
    tolerance: float,
    sample: int | None,
) -> Findings:
    from p2lbench.audit import verify
    from p2lbench.audit.verifying import planned
    from p2lbench.plugins import load
    from p2lbench.report.progress import RunProgress

    registry = load(plugin).registry
    cells = planned(store)
    total = cells if sample is None else min(sample, cells)
    chosen, where = scorer(store, executor, workers, device, plugin, total)
    with RunProgress(total, console=log()) as progress:
        return verify(store, registry, chosen, progress, where, tolerance=tolerance, sample=sample)


def _show(findings: Findings) -> None:
    from p2lbench.report.text import count

    differences = [each.to_json() for each in findings.differences]
    if differences:
        columns = ("row", "image", "what", "stored", "recomputed", "deviation")
        lines = [_line(each) for each in differences[:SHOWN]]
        show(table(columns, lines, title="What differs"))
        if len(differences) > SHOWN:
            show(Text(f"and {len(differences) - SHOWN} more; --json has all of them"))
    for each in findings.unverifiable:
        what = f"{' | '.join(each.where.row)}: " if each.where.row else ""
        cells = count(each.cells, "cell")
        show(Text(f"not verifiable here: {what}{each.what} ({cells}): {each.reason}", "yellow"))
    for remark in findings.remarks:
        show(Text(f"note: {remark}", "dim"))
    show(Text(_summary(findings), "green" if findings.clean else "red"))


def _line(each: dict[str, Any]) -> tuple[str, ...]:
    row = each["row"][4] if each["row"] else ""
    image = each["image"] or ""
    if each["repeat"]:
        image += f", repeat {each['repeat']}"
    apart = each["deviation"]
    shown = (_short(each["stored"]), _short(each["recomputed"]))
    return (row, image, each["what"], *shown, "" if apart is None else f"{apart:.2g}")


def _short(value: Any) -> str:
    from p2lbench.report.text import shorten

    text = "none" if value is None else f"{value:.8g}" if isinstance(value, float) else str(value)
    return shorten(text, 100)


def _summary(findings: Findings) -> str:
    from p2lbench.report.text import count

    cells = findings.cells
    parts = [f"{cells['verified']} of {count(cells['planned'], 'cell')} verified"]
    words = {
        "differ": "differ",
        "unverifiable": "not verifiable here",
        "without_points": "without points (failed or skipped)",
        "missing": "not run yet",
        "not_drawn": "not drawn",
    }
    parts += [f"{cells[key]} {word}" for key, word in words.items() if cells[key]]
    largest = 0 if findings.largest is None else findings.largest.deviation
    return (
        f"{', '.join(parts)}; {findings.bitwise} of {findings.compared} values bitwise the same, "
        f"largest deviation {largest:.2g}"
    )
