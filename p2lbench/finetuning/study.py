"""A suite's trade-off from its results folder: what is missing is made, then all is gathered."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from p2lbench.finetuning import figure
from p2lbench.finetuning.jobs import jobs, keep, kept, lost
from p2lbench.finetuning.tradeoff import DOCUMENT, TradeOff, gathered, plan_of
from p2lbench.finetuning.worker import worked
from p2lbench.folder import explained
from p2lbench.store import Store
from p2lbench.suite import Suite

CURVES, GRID = "tradeoff.png", "tradeoff-grid.png"


def study(
    folder: Path, suite: Suite, device: str, say: Callable[[str], None], fresh: bool = False
) -> TradeOff:
    """Carry the selected candidate of every ok cell through fine-tuning and edits.

    Entries that are in the folder are kept, failed ones are made again; all of them if `fresh`.
    Cells that failed count as entries that did.

    Args:
        folder: the suite's, in which its cells are.
        say: is told how far it is.

    Raises:
        StoreError: the folder cannot be used.
    """
    wanted = suite.finetune
    if wanted is None:
        raise ValueError(f"suite {suite.name} asks for no fine-tuning")
    with Store.create_or_open(folder, suite.name, warn=say) as store:
        todo, plan = list(jobs(store, wanted)), plan_of(store)
        judges, left = wanted.classifiers, list(lost(store, wanted))
        order = {cell: k for k, cell in enumerate(row.cell for row in store.plan())}
        there = {} if fresh else {job.key: kept(folder, job, judges) for job in todo}
        found = {key: entry for key, entry in there.items() if entry is not None}
        missing = [job for job in todo if job.key not in found]
        files, timeout = suite.plugin_files, suite.timeout
        with closing(worked(folder, missing, wanted, device, files, timeout)) as entries:
            for k, (entry, picture) in enumerate(entries):
                keep(folder, entry, picture)
                found[entry["key"]] = entry
                say(f"trade-off: {k + 1} of {len(missing)}; {_told(entry)}")
    ordered = [*(found[job.key] for job in todo), *left]
    ordered.sort(key=lambda entry: order[entry["cell"]])
    made = gathered(suite.name, judges, ordered, plan)
    with explained(folder):
        text = json.dumps(made.to_json(), indent=1, allow_nan=False) + "\n"
        (folder / DOCUMENT).write_text(text, encoding="utf-8")
        figure.curves(folder / CURVES, made)
        figure.grid(folder / GRID, folder, ordered)
    return made


def _told(entry: dict[str, Any]) -> str:
    what = f"{entry['row'][4]} on {entry['image']}"
    if entry["status"] != "ok":
        return f"{what}: {entry['reason']}"
    return f"{what}: loss {entry['loss']['after']:.3g}"
