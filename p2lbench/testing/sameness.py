"""Same seed, same points: what an optimizer's path may depend on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from p2lbench.testing.check import Factory, Kit, Violation, does_not_apply
from p2lbench.testing.runs import Run, first_difference, optimizer_of, run

check = Kit("optimizer")
OWN = "Draw from problem.rng, problem.generator or problem.sample alone"


@check("seed", "the same seed gives the same points at every call")
def _seed(factory: Factory) -> None:
    optimizer = optimizer_of(factory)
    runs = []
    for _ in range(2):
        seed_all(0)  # whoever draws from global generators is another check's concern
        runs.append(run(optimizer))
    advice = f"{OWN}, and keep no state outside of the copy that runs."
    _same_paths(runs[0], runs[1], "in two runs with one seed", advice)


@check("global-random", "it depends on no global random state, and moves none")
def _global_random(factory: Factory) -> None:
    optimizer = optimizer_of(factory)
    before = states()
    first = run(optimizer)
    if moved := [name for name, state in states().items() if state != before[name]]:
        raise Violation(
            "global random states as they were before",
            f"another one of {', '.join(moved)}",
            f"{OWN}.",
        )
    seed_all(1)
    _same_paths(first, run(optimizer), "under other global random states", f"{OWN}.")


@check("independence", "candidates do not meet, unless it is declared coupled")
def _independence(factory: Factory) -> None:
    optimizer = optimizer_of(factory)
    if optimizer.coupled:
        does_not_apply("it declares that its candidates are coupled")
    few, many = (run(optimizer, n, deviations=None) for n in (2, 5))
    advice = "Give every candidate a random stream of its own, or declare coupled = True."
    _same_paths(few, many, "of a candidate among 2 and among 5", advice, 1e-5)


def states() -> dict[str, object]:
    """The global random states, by library."""
    numpy: Any = np.random.get_state()
    return {
        "random": random.getstate(),
        "numpy": (numpy[1].tobytes(), numpy[2:]),
        "torch": torch.get_rng_state().numpy().tobytes(),
    }


def seed_all(seed: int) -> None:
    """Every global random state."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@contextmanager
def other_global_states(got: str = "others", advice: str = "") -> Iterator[None]:
    """Inside, global random states that were not met before; raises Violation if one is moved."""
    seed_all(1)
    before = states()
    yield
    if states() != before:
        raise Violation("global random states as they were", got, advice)


def _same_paths(a: Run, b: Run, when: str, advice: str, tolerance: float = 0.0) -> None:
    """Raises Violation if a candidate of both runs was not evaluated at the same points."""
    for k in range(min(a.problem.candidates, b.problem.candidates)):
        one, other = a.path(k), b.path(k)
        difference = first_difference(one, other, tolerance)
        # A budget is shared by all: with more candidates, one may be given fewer calls of it.
        ended = a.root.exhausted or b.root.exhausted
        if not difference and not ended and len(one) != len(other):
            difference = f"{len(one)} and {len(other)} calls"
        if difference:
            raise Violation(
                f"the same evaluated points {when}", f"{difference} (candidate {k})", advice
            )
