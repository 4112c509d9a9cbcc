"""From a suite to its trials, and from their records to the tuned suite."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2lbench import weights
from p2lbench.errors import UserError, did_you_mean
from p2lbench.folder import explained
from p2lbench.options import build
from p2lbench.registry import Registry
from p2lbench.report.text import count
from p2lbench.runner import Outcome
from p2lbench.stated import weights_named
from p2lbench.store import Store
from p2lbench.suite import Suite
from p2lbench.tuning import TRIALS
from p2lbench.tuning.choose import Choice, Measure, choose
from p2lbench.tuning.document import document
from p2lbench.tuning.trials import Tuned, trial_suite, tuned_rows
from p2lbench.tuning.tunedfile import place_for, tuned_text
from p2lbench.yamlfile import display

DOCUMENT, PICTURE = "tuning.json", "tuning.png"


@dataclass(frozen=True)
class Job:
    """A suite, what of it is tuned and how, the suite of all trials, and where the outcome goes."""

    suite: Suite
    rows: tuple[Tuned, ...]
    measure: Measure
    seed: int
    trials: Suite
    output: Path

    @property
    def how(self) -> str:
        """How the settings are chosen, in a line."""
        most = max(len(row.trials) for row in self.rows)
        return (
            f"{count(most, 'trial')} of each method on {count(len(self.trials.images), 'image')} "
            f"for tuning, seed {self.seed}, compared by the {self.measure}"
        )


@dataclass(frozen=True)
class Tuning:
    """What came out. `document`: the content of `tuning.json`."""

    job: Job
    outcome: Outcome
    choices: tuple[Choice, ...]
    document: dict[str, Any]

    @property
    def clean(self) -> bool:
        """Whether a setting was found for every method that has something to tune."""
        return all(choice.winner is not None for choice in self.choices if choice.scores)


def prepare(
    suite: Suite,
    registry: Registry,
    *,
    trials: int = TRIALS,
    seed: int = 0,
    metric: str | None = None,
    only: Sequence[str] = (),
    output: Path | None = None,
) -> Job:
    """Work out all trials.

    Args:
        metric: one of the suite's, to choose by; the objective if not given.
        only: names of optimizers' rows; all if empty.

    Raises:
        UserError: there are no images for tuning, nothing to tune, no such row or metric, or the
            output may not be written.
    """
    place = place_for(suite, output)
    measure = _measure(suite, registry, metric)
    rows = tuned_rows(suite, registry, trials, seed, only)
    note = f"p2lbench tune: {trials} trials of each method of this suite, seed {seed}"
    return Job(suite, rows, measure, seed, trial_suite(suite, rows, note), place)


def finish(job: Job, outcome: Outcome) -> Tuning:
    """Choose, and write the tuned suite and `tuning.json`.

    Raises:
        StoreError: the results cannot be read or written.
    """
    with Store.open_read(outcome.folder) as store:
        records = list(store.records())
    choices = choose(job.rows, records, job.measure)
    ledgers = {row.cell: r.ledger for row, r in records if r is not None}
    spent = (
        int(sum(ledger.get("passes", 0) for ledger in ledgers.values())),
        sum(ledger.get("seconds", 0) for ledger in ledgers.values()),
    )
    made = document(job.suite, choices, job.measure, job.seed, outcome, spent, job.output)
    path = outcome.folder / DOCUMENT
    with explained(outcome.folder):
        path.write_text(json.dumps(made, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    remarks = [job.how, f"All trials: {display(path)}"]
    with explained(job.output.parent):
        text = tuned_text(job.suite, choices, job.measure, job.output, remarks)
        job.output.write_text(text, encoding="utf-8")
    return Tuning(job, outcome, choices, made)


def _measure(suite: Suite, registry: Registry, name: str | None) -> Measure:
    if name is None:
        return Measure()
    known = dict(zip(suite.metric_labels, suite.metrics, strict=True))
    if name not in known:
        message = f"--metric: no metric '{name}' in this suite.{did_you_mean(name, known)}"
        raise UserError(f"{message} Metrics: {', '.join(known)}")
    for needed in weights_named(known[name], registry):
        weights.locate(needed)
    return Measure(name, bool(build(known[name], registry).higher_is_better))
