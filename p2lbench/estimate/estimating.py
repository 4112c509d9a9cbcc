"""A plan's passes, and its time on this machine, from a calibration that is kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from p2lbench.budget import Budget
from p2lbench.childprocess import Child, Gone, Late
from p2lbench.estimate import cache
from p2lbench.estimate.calibration import Calibration
from p2lbench.estimate.calls import Spending
from p2lbench.estimate.child import packed
from p2lbench.estimate.objectives import Objective, objectives, share
from p2lbench.estimate.planned import Terms, planned
from p2lbench.estimate.tuning import Tuning, TuningEstimate
from p2lbench.executors import memory
from p2lbench.options import build
from p2lbench.plan import Plan
from p2lbench.registry import Registry
from p2lbench.spec import Method

PATIENCE = 60.0  # seconds for the whole calibration


@dataclass(frozen=True)
class Nothing:
    """Why an objective was not measured; `skipped`: since its cells are."""

    why: str
    skipped: bool = False


Found = Calibration | Nothing


@dataclass(frozen=True)
class MethodEstimate:
    """A row of a plan. `cells`: those that no row before it has. `passes` and `seconds` are of one
    cell, None if nothing bounds them; `at_most`: it may need less, which is not known before.
    `why`: why it was not measured; it costs nothing where cells are skipped."""

    row: tuple[str, ...]
    cells: int
    passes: int | None
    seconds: float | None
    at_most: bool = False
    why: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As `validate --json` has it."""
        seconds = None if self.seconds is None else round(self.seconds, 3)
        return {**vars(self), "row": list(self.row), "seconds": seconds}


@dataclass(frozen=True)
class Estimate:
    """What a suite costs from nothing, with so many workers. `before`: the seconds that each takes
    until it runs its first cell. `parallel`: how many cells run at once. `tuning`: what follows the
    cells, None if nothing does."""

    methods: tuple[MethodEstimate, ...]
    workers: int
    parallel: int
    before: float
    timeout: float
    why: str | None
    tuning: TuningEstimate | None = None

    @property
    def passes(self) -> int | None:
        """Generator passes in all, at most; None if some method's are not bounded."""
        found = [None if m.passes is None else m.cells * m.passes for m in self.methods if m.cells]
        known = [passes for passes in found if passes is not None]
        return sum(known) if len(known) == len(found) else None

    @property
    def at_most(self) -> bool:
        """Whether it may take less, which is not known before."""
        early = any(method.at_most for method in self.methods if method.cells)
        return early or self.tuning is not None

    @property
    def seconds(self) -> float | None:
        """From the start of a run to its end; None if that is not known."""
        after = 0.0 if self.tuning is None else self.tuning.seconds
        if self.why is not None or after is None:
            return None
        known = [
            (m.cells, inf if m.seconds is None else m.seconds) for m in self.methods if m.cells
        ]
        cells = [(many, min(seconds, self.timeout)) for many, seconds in known]
        if not cells:
            return 0.0
        whole = sum(many * seconds for many, seconds in cells)
        longest = max(whole / self.parallel, *(seconds for _, seconds in cells))
        return self.before + longest + after

    def to_json(self) -> dict[str, Any]:
        """The document of `validate --json`."""
        return {
            "seconds": None if self.seconds is None else round(self.seconds, 1),
            "at_most": self.at_most,
            "workers": self.workers,
            "methods": [method.to_json() for method in self.methods],
            "finetune": None if self.tuning is None else self.tuning.to_json(),
            "why": self.why,
        }


def estimate(
    plan: Plan,
    registry: Registry,
    workers: int,
    say: Callable[[str], None],
    without: Container[tuple[str, ...]] = (),
) -> Estimate:
    """A plan's estimate; what cannot be measured is said in `why`.

    Args:
        say: is told what is measured.
        without: rows that are not run, as they are in a reference.
    """
    found = _calibrations(plan, registry, say) if plan.suite.images else {}
    methods = tuple(_methods(plan, registry, found, without))
    known = [each for each in found.values() if isinstance(each, Calibration)]
    gpu = any(each.device.startswith("cuda") for each in known)
    why = next((m.why for m in methods if m.why and m.cells and m.seconds is None), None)
    before = max((each.start for each in known), default=0.0) + _loads(plan, found)
    after = _tuning(plan, found, methods)
    if why is None and after is not None and after.seconds is None:
        why = "fine-tuning and editing what the generator draws did not work"
    # Workers share one GPU.
    return Estimate(methods, workers, 1 if gpu else workers, before, plan.suite.timeout, why, after)


def _tuning(
    plan: Plan, found: dict[str, Found], methods: Sequence[MethodEstimate]
) -> TuningEstimate | None:
    """Of the trade-off: what is measured of a method's objective, for each of its cells."""
    wanted = plan.suite.finetune
    if wanted is None:
        return None
    cells: list[tuple[int, Tuning | None]] = []
    for method, each in zip(plan.methods, methods, strict=True):
        known = found.get(share(plan, method), Nothing("no images", skipped=True))
        if isinstance(known, Calibration):
            cells.append((each.cells, known.tuning))
        elif not known.skipped:
            cells.append((each.cells, None))
    return TuningEstimate.of(wanted, cells)


def _loads(plan: Plan, found: dict[str, Found]) -> float:
    """Seconds to load the models: again in every repeat, if there are several generators."""
    loads: dict[str, float] = {}
    for method in plan.methods:
        known = found.get(share(plan, method))
        if isinstance(known, Calibration):
            label = method.generator.label
            loads[label] = max(known.load, loads.get(label, 0.0))
    return sum(loads.values()) * (plan.suite.repeats if len(loads) > 1 else 1)


def _methods(
    plan: Plan, registry: Registry, found: dict[str, Found], without: Container[tuple[str, ...]]
) -> Iterator[MethodEstimate]:
    seen: set[str] = set()
    for each in plan.planned:
        row = each.method.row
        cells = 0 if each.key in seen or row in without else plan.count(each)
        seen.add(each.key)
        known = found.get(share(plan, each.method), Nothing("no images to run", skipped=True))
        if isinstance(known, Nothing):
            free = 0 if known.skipped else None
            yield MethodEstimate(row, cells, free, free, why=known.why)
            continue
        spent = _spent(plan, each.method, registry, known)
        yield _of(row, cells, spent, known, plan.suite.budget)


def _spent(plan: Plan, method: Method, registry: Registry, known: Calibration) -> Spending | None:
    return planned(
        method, Terms.of(plan.suite), known.variables, lambda spec: build(spec, registry)
    )


def _of(
    row: tuple[str, ...], cells: int, spent: Spending | None, known: Calibration, budget: Budget
) -> MethodEstimate:
    if spent is None:
        seconds = None if budget.seconds == inf else known.cell + budget.seconds
        return MethodEstimate(row, cells, None, seconds, at_most=True)
    searched = sum(map(known.seconds, spent.calls))
    early = spent.at_most or searched > budget.seconds
    seconds = known.cell + min(searched, budget.seconds)
    return MethodEstimate(row, cells, spent.passes, seconds, at_most=early)


def _calibrations(plan: Plan, registry: Registry, say: Callable[[str], None]) -> dict[str, Found]:
    """By what methods share: from the cache, and what is not there from a process of its own."""
    asked, kept = objectives(plan, registry), cache.read()
    found: dict[str, Found] = {}
    for group, objective in asked.items():
        known = kept.get(objective.key)
        if known is not None and _covers(plan, registry, objective, known):
            found[group] = known
    missing = {group: objective for group, objective in asked.items() if group not in found}
    if missing:
        for group, fresh in _measured(plan, missing, say):
            if not isinstance(fresh, Calibration):
                found[group] = fresh
            elif _covers(plan, registry, asked[group], fresh):
                found[group] = fresh
                cache.keep(asked[group].key, fresh)
            else:
                found[group] = Nothing("a method asks for other sizes than it did when measured")
    return found


def _covers(plan: Plan, registry: Registry, objective: Objective, known: Calibration) -> bool:
    spent = [_spent(plan, method, registry, known) for method in objective.order.methods]
    return all(each is None or known.covers(each.calls) for each in spent)


def _measured(
    plan: Plan, missing: dict[str, Objective], say: Callable[[str], None]
) -> Iterator[tuple[str, Found]]:
    until, groups = time.monotonic() + PATIENCE, iter(missing.items())
    child = Child("p2lbench.estimate.child", memory.share(1))
    why, current = "", ""
    try:
        files = [str(file) for file in plan.suite.plugin_files]
        hello = {"device": "auto", "files": files, "began": time.time()}
        child.ask(hello, until - time.monotonic())
        for group, objective in groups:
            current = group
            say(f"measuring {objective.name}")
            answer = child.ask(packed(objective.order), max(0.0, until - time.monotonic()))
            yield group, _read(answer)
            current = ""
    except Late:
        why = f"the calibration took longer than {PATIENCE:g} s"
    except (Gone, ValueError) as error:
        why = f"the process of the calibration died ({error})"
    finally:
        child.kill()
    left = (current, *(group for group, _ in groups))
    yield from ((group, Nothing(why)) for group in left if group)


def _read(answer: dict[str, Any]) -> Found:
    try:
        if "calibration" in answer:
            return Calibration.read(answer["calibration"])
        if "skipped" in answer:
            return Nothing(f"a cell is skipped: {answer['skipped']}", skipped=True)
        return Nothing(str(answer["error"]))
    except (KeyError, TypeError, ValueError) as error:
        return Nothing(f"the calibration makes no sense ({error})")
