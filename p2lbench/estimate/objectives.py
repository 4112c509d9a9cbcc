"""The distinct objectives of a plan: each is measured once, for all the methods that share it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from math import inf
from typing import Any

from p2lbench.budget import Budget
from p2lbench.estimate.cache import machine
from p2lbench.estimate.planned import Terms
from p2lbench.estimate.timing import Order
from p2lbench.executors.agreement import Agreement
from p2lbench.plan import NO_INIT, Cell, Plan, Task, mask_scoring
from p2lbench.registry import Registry
from p2lbench.runner import decoded
from p2lbench.spec import Method, Named, Spec, canonical, digest

NOTHING = Named("none", Spec("optimizers", "none"))


@dataclass(frozen=True)
class Objective:
    """Methods that differ in init, search and optimizer alone; `key`: what decides its seconds."""

    key: str
    name: str
    order: Order


def objectives(plan: Plan, registry: Registry) -> dict[str, Objective]:
    """What `share` says of a method → its objective."""
    groups: dict[str, list[Method]] = {}
    for method in plan.methods:
        groups.setdefault(share(plan, method), []).append(method)
    suite, agreement, found = plan.suite, Agreement(registry), dict[str, Objective]()
    metrics = tuple(zip(suite.metric_labels, suite.metrics, strict=True))
    for group, cell in _cells(plan, set(groups)):
        pixels, mask = decoded(cell.image)
        task = Task(_idle(cell), pixels, mask, metrics, timeout=inf)
        decides = {
            "versions": dict(agreement.identity(task)),
            "objective": group,
            "metrics": [spec.plain() for spec in suite.metrics],
            "candidates": suite.candidates,
            "threads": suite.threads,
            "mask": mask is not None,
            "finetune": None if suite.finetune is None else asdict(suite.finetune),
            "machine": machine(),
        }
        order = Order(task, groups[group], Terms.of(suite), suite.finetune)
        method = cell.method
        name = f"{method.generator.label} | {method.loss.label} | {method.transform.label}"
        found[group] = Objective(digest(decides), name, order)
    return found


def share(plan: Plan, method: Method) -> str:
    """What methods of one objective have in common, as text."""
    parts: list[Any] = [method.generator.plain(), method.loss.plain()]
    parts += [[part.plain() for part in method.transform.parts], mask_scoring(plan.suite, method)]
    return canonical(parts)


def _cells(plan: Plan, groups: set[str]) -> Iterator[tuple[str, Cell]]:
    """A cell of each; with a mask, if there is one."""
    masked = tuple(image for image in plan.suite.images if image.mask is not None)
    suite = replace(plan.suite, images=(masked or plan.suite.images)[:1], repeats=1)
    missing = set(groups)
    for cell in replace(plan, suite=suite).cells():
        if (group := share(plan, cell.method)) in missing:
            missing.discard(group)
            yield group, cell


def _idle(cell: Cell) -> Cell:
    """It searches nothing, begins at the prior, and has no budget: that is for its methods."""
    method = cell.method
    transform = replace(method.transform, search=None)
    idle = replace(method, transform=transform, init=NO_INIT, optimizer=NOTHING)
    return replace(cell, method=idle, budget=Budget())
