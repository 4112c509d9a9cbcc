"""`tuning.json`: all that was tried, and how the settings were chosen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from p2lbench import __version__
from p2lbench.record_json import clean
from p2lbench.runner import Outcome
from p2lbench.suite import Suite
from p2lbench.tuning.choose import Choice, Measure, TrialScore
from p2lbench.tuning.trials import Tuned


def document(
    suite: Suite,
    choices: Sequence[Choice],
    measure: Measure,
    seed: int,
    outcome: Outcome,
    spent: tuple[int, float],
    output: Path,
) -> dict[str, Any]:
    """JSON-ready: the suite, its tune images, and every trial of every row.

    `spent`: passes and seconds of all cells.
    """
    made: dict[str, Any] = clean(
        {
            "suite": suite.name,
            "file": str(suite.file),
            "overrides": suite.overrides,
            "p2lbench": __version__,
            "results": str(outcome.folder),
            "output": str(output),
            "seed": seed,
            "metric": measure.metric,
            "higher_is_better": measure.higher_is_better,
            "images": [{"name": i.name, "sha256": i.digest} for i in suite.tune_images],
            "cells": outcome.cells,
            "passes": spent[0],
            "seconds": spent[1],
            "optimizers": [_row(choice) for choice in choices],
        }
    )
    return made


def _row(choice: Choice) -> dict[str, Any]:
    row = choice.tuned
    return {
        "optimizer": row.label,
        "plugin": row.entry.row.spec.name,
        "space": {path: values.plain() for path, values in row.space.items()},
        "trials": [_trial(row, score) for score in choice.scores],
        "winner": None if choice.winner is None else choice.winner.trial.number,
        "options": choice.options,
        "written": choice.scores[0].score if choice.scores else None,
        "best": None if choice.winner is None else choice.winner.score,
        "gain": choice.gain if choice.scores else None,
        "average": "geometric" if choice.geometric else "arithmetic",
        "edges": choice.edges,
    }


def _trial(row: Tuned, score: TrialScore) -> dict[str, Any]:
    return {
        "trial": score.trial.number,
        "row": score.trial.row.label,
        "options": row.settings(score.trial),
        "score": score.score,
        "images": score.images,
        "passes": score.passes,
        "seconds": score.seconds,
        "statuses": score.statuses,
        "reason": score.reason,
    }
