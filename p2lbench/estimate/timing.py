"""The calibration itself: a cell's own objective, timed at the sizes that its methods use."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from p2lbench.estimate import tuning
from p2lbench.estimate.calibration import Calibration, Size
from p2lbench.estimate.planned import Terms, planned
from p2lbench.finetuning.wanted import Wanted
from p2lbench.models import Models
from p2lbench.plan import Task
from p2lbench.spec import Method

if TYPE_CHECKING:
    from p2lbench.problem import Problem

SECONDS = 2.0  # for all sizes of an objective together
MOST_SECONDS = 0.5  # for one of them
LEAST_CALLS = 3


class Unfit(Exception):
    """The cell to measure with does not run; the message says why."""


class Passed(Unfit):
    """It is skipped, since its parts do not go together."""


@dataclass(frozen=True)
class Order:
    """What to measure: a cell that searches nothing, the methods whose objective it has, and what
    is done with their projections."""

    task: Task
    methods: Sequence[Method]
    terms: Terms
    finetune: Wanted | None


def calibrated(order: Order, models: Models, start: float) -> Calibration:
    """Load an objective's models, and time its calls.

    Args:
        start: the seconds that this process took to start.

    Raises:
        Unfit: its cell is not ok.
    """
    from threadpoolctl import threadpool_limits

    from p2lbench.project import opened, whole

    began = time.perf_counter()
    _run(order.task, models)
    between = time.perf_counter()
    _run(order.task, models)
    ended = time.perf_counter()
    with threadpool_limits(order.task.cell.threads):
        setting, root = opened(order.task, models)
        together = setting.objective.batch or 1
        problem = whole(setting, root)
        variables = setting.space.variables
        spent = [planned(m, order.terms, variables, models.fresh) for m in order.methods]
        sizes = {
            (calls.gradient, min(calls.points, together))
            for each in spent
            for calls in (() if each is None else each.calls)
        }
        patience = min(MOST_SECONDS, SECONDS / max(1, len(sizes)))
        calls = {size: _timed(problem, size, patience) for size in sorted(sizes)}
        wanted = order.finetune
        tuned = None if wanted is None else tuning.timed(order.task, wanted, setting, models)
    cell = ended - between
    load = max(between - began - cell, 1e-6)
    return Calibration(models.device, variables, together, start, load, cell, calls, tuned)


def _run(task: Task, models: Models) -> None:
    from p2lbench.project import run_cell

    record = run_cell(task, models)
    if record.status != "ok":
        raise (Passed if record.status == "skipped" else Unfit)(record.reason)


def _timed(problem: Problem, size: Size, patience: float) -> float:
    """The median seconds of a call, between which an optimizer would only take its step."""
    gradient, points = size
    x = problem.sample(points)
    function: Callable[..., object] = problem.gradient if gradient else problem.loss
    found: list[float] = []
    first = _seconds(function, x, problem.device)  # it may allocate, and is left out if it can be
    until = time.perf_counter() + patience
    while time.perf_counter() < until or (len(found) < LEAST_CALLS and first < patience):
        found.append(_seconds(function, x, problem.device))
    return median(found or [first])


def _seconds(function: Callable[..., object], x: object, device: str) -> float:
    from p2lbench.project import synchronise

    began = time.perf_counter()
    function(x)
    synchronise(device)
    return time.perf_counter() - began
