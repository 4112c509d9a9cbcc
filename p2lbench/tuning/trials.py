"""Spaces → trials, and the suite that runs them: every method with the same number.

The points come from a scrambled Sobol' sequence (Sobol', 1967; Owen, 1998): even in few
dimensions, the same on every machine, and a larger number of trials begins with the smaller's, so
that what was run is kept. Methods with equally many options meet the same points.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, log2
from typing import Any

from p2lbench.errors import UserError, did_you_mean
from p2lbench.plan import methods
from p2lbench.registry import Registry
from p2lbench.spec import Named, digest
from p2lbench.suite import Suite
from p2lbench.suitefile import MAX_NAME
from p2lbench.tuning import TRIALS
from p2lbench.tuning.entries import Entry, entries
from p2lbench.tuning.spaces import Asked, Space, space_of

_SURPLUS = 16  # points drawn per trial: some may repeat what was tried, or be refused


@dataclass(frozen=True)
class Trial:
    """One setting of a method; number 0 is the method as written, with no `options`."""

    number: int
    options: Mapping[str, Any]
    row: Named


@dataclass(frozen=True)
class Tuned:
    """An optimizer's row, what of it is tuned, and its trials; none if there is nothing to tune."""

    entry: Entry
    space: Space
    trials: tuple[Trial, ...]

    @property
    def label(self) -> str:
        """The row's name in the suite."""
        return self.entry.row.label

    def settings(self, trial: Trial) -> dict[str, Any]:
        """The values of all that is tuned, in a trial; None: left to the optimizer."""
        return {path: trial.options.get(path, self.entry.value(path)) for path in self.space}


def tuned_rows(
    suite: Suite,
    registry: Registry,
    trials: int = TRIALS,
    seed: int = 0,
    only: Sequence[str] = (),
) -> tuple[Tuned, ...]:
    """A suite's optimizers, each with its trials.

    Args:
        trials: of each row, that as written included; fewer where a space has no more.
        only: names of the rows to tune; all if empty.

    Raises:
        UserError: no such row, or no row has anything to tune.
    """
    run = {method.optimizer.label for method in methods(suite)}
    written = entries(suite.document.data, suite.optimizers, suite.include)
    found = [entry for entry in written if entry.row.label in run]
    known = [entry.row.label for entry in found]
    for label in only:
        if label not in known:
            message = f"--optimizer: no row '{label}'.{did_you_mean(label, known)}"
            raise UserError(f"{message} Rows: {', '.join(known)}")
    chosen = [entry for entry in found if not only or entry.row.label in only]
    rows = tuple(_tuned(entry, suite.tune, registry, trials, seed) for entry in chosen)
    if not any(row.trials for row in rows):
        raise UserError(
            f"nothing to tune: {', '.join(row.label for row in rows)} declare nothing as tunable. "
            "Name options in the suite, for example tune: {adam: {lr: [0.005, 0.5]}}"
        )
    return rows


def _tuned(
    entry: Entry, written: Mapping[str, Asked], registry: Registry, trials: int, seed: int
) -> Tuned:
    label, space = entry.row.label, space_of(entry, written, registry)
    if not space:
        return Tuned(entry, {}, ())
    first = Trial(0, {}, Named(f"{label} #0", entry.row.spec))
    tried, made = {digest(entry.row.spec.plain())}, [first]
    for options in _draws(space, trials, seed):
        if len(made) == trials:
            break
        try:
            spec = entry.resolved(registry, options)
        except UserError:  # two options that do not go together
            continue
        key = digest(spec.plain())
        if key not in tried:
            tried.add(key)
            made.append(Trial(len(made), options, Named(f"{label} #{len(made)}", spec)))
    return Tuned(entry, space, tuple(made))


def _draws(space: Space, trials: int, seed: int) -> Iterator[dict[str, Any]]:
    import numpy as np
    from scipy.stats import qmc

    sequence = qmc.Sobol(len(space), scramble=True, seed=np.random.default_rng(seed))
    for point in sequence.random_base2(ceil(log2(_SURPLUS * trials))):
        values = zip(space.items(), point.tolist(), strict=True)
        yield {path: tunable.value(u) for (path, tunable), u in values}


def trial_suite(suite: Suite, rows: Sequence[Tuned], note: str) -> Suite:
    """The suite of all trials on the tune images alone; `note` goes on top of its text.

    Its methods are the suite's, each once per trial of its optimizer, so that rules hold as they
    do for the row.

    Raises:
        UserError: no image is for tuning.
    """
    if not suite.tune_images:
        raise UserError(
            f"{suite.name}: no image is for tuning. Mark some that are not in the test, "
            "for example {file: photo.png, split: tune}"
        )
    by_label = {row.label: row for row in rows}
    trials = [
        replace(method, optimizer=trial.row)
        for method in methods(suite)
        if method.optimizer.label in by_label
        for trial in by_label[method.optimizer.label].trials
    ]
    return replace(
        suite,
        name=named(suite.name, "-tune"),
        text=f"# {note}\n{suite.text}",
        images=suite.tune_images,
        tune_images=(),
        generators=(),
        optimizers=(),
        exclude=(),
        include=tuple(trials),
        targets=None,
        reference=None,
    )


def named(name: str, ending: str) -> str:
    """A suite's name with an ending, within the length that names have."""
    return name[: MAX_NAME - len(ending)] + ending
