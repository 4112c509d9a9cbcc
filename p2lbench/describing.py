"""What a results folder says of its run beside the records: header, metrics, suite, environment."""

from __future__ import annotations

import contextlib
import platform
from pathlib import Path
from typing import Any

from p2lbench import __version__, citations
from p2lbench.datasets.naming import group_of
from p2lbench.datasets.record import Prepared, read_record
from p2lbench.errors import UserError
from p2lbench.imagelist import TUNE
from p2lbench.measured import keep_metrics, measured_as
from p2lbench.options import build
from p2lbench.plan import Plan
from p2lbench.reference.match import Reference
from p2lbench.reference.told import Told
from p2lbench.registry import Registry
from p2lbench.spec import Method, canonical
from p2lbench.stated import specs, weights_named
from p2lbench.store import Store, storable
from p2lbench.suite import Suite
from p2lbench.suiteinfo import SuiteInfo

TUNING = "on images for tuning (split: tune): numbers to choose settings by, not results"


def describe(
    store: Store, plan: Plan, registry: Registry, stored: Reference | None, told: Told | None
) -> None:
    """Keep all that a reader of the folder needs beside the records.

    Args:
        stored: the rows of the suite's reference, if it names one.
        told: what tables say of those that are taken.
    """
    suite = plan.suite
    keep_metrics(store, suite, registry)
    losses = {m.loss.label: measured_as(m.loss, suite) for m in plan.methods}
    budget = {k: v for k, v in vars(suite.budget).items() if v != float("inf")}
    tuning = any(image.split == TUNE for image in suite.images)
    others = () if stored is None else stored.beside
    known = [row.method for row in others if row.is_known(registry)]
    info = SuiteInfo(
        suite.name,
        suite.candidates,
        suite.repeats,
        suite.protocol,
        losses,
        budget,
        (TUNING,) if tuning else (),
        {
            **{row.labels[4]: row.settings for row in others},
            **{m.optimizer.label: m.optimizer.settings for m in plan.methods},
        },
        suite.tuned_on,
        len(suite.tune_images),
        None if tuning else suite.baseline,
        {storable(i.name): str(i.class_name) for i in suite.images if i.class_name is not None},
        (
            *(m.row for m in plan.methods if not _coupled(m, registry)),
            *(row.labels for row in others if row.uncoupled),
        ),
        None if tuning else suite.targets,
        citations.parts(plan.methods),
        citations.cited([*plan.methods, *known], suite.metrics, registry),
        reference=told,
        experiment=suite.experiment,
        groups=groups(suite),
        weights=weights_used(plan, registry),
    )
    store.set_header(info.plain())
    store.write_suite(as_run(suite).encode())
    store.write_environment(environment(plan, registry))


def groups(suite: Suite) -> dict[str, str]:
    """Image → the group that prepared images were drawn from, or else the folder inside an
    `images/` that it lies in; empty unless there are several."""
    found = {}
    folders = {image.file.parent for image in suite.images}
    records = {folder: _prepared(folder.parent) for folder in folders}
    for image in suite.images:
        folder = image.file.parent
        prepared = records[folder]
        group = folder.name if folder.parent.name == "images" else None
        if prepared is not None:
            group = group_of(image.file.stem, prepared.classes)
        if group is not None:
            found[storable(image.name)] = storable(group)
    return found if len({*found.values()}) > 1 else {}


def _prepared(folder: Path) -> Prepared | None:
    """What is said of a folder of prepared images; None if it is none that can be read."""
    with contextlib.suppress(UserError, OSError):
        return read_record(folder)
    return None


def weights_used(plan: Plan, registry: Registry) -> dict[str, str]:
    """What is known of the weights of methods and metrics; without those that are not here."""
    from p2lbench import weights

    found = {}
    used = dict.fromkeys(weights_named([*plan.methods, *plan.suite.metrics], registry))
    for name in used:
        with contextlib.suppress(UserError):
            file = weights.locate(name)
            kinds = (file.published, "published"), (file.recorded, "recorded"), (True, "added")
            found[name] = next(kind for is_it, kind in kinds if is_it)
    return found


def _coupled(method: Method, registry: Registry) -> bool:
    """Whether candidates influence each other, in the search of the transform or after it."""
    searched = method.transform.search is not None
    return searched or bool(build(method.optimizer.spec, registry).coupled)


def as_run(suite: Suite) -> str:
    """The suite's text, under what `--set` changed in it."""
    return "".join(f"# run with --set {text!r}\n" for text in suite.overrides) + suite.text


def _origins(plan: Plan, registry: Registry) -> list[dict[str, Any]]:
    """Every distribution or file that the plan's methods come from."""
    found = {registry.find(spec.kind, spec.name)[0].origin for spec in specs(plan.methods)}
    return sorted((vars(origin) for origin in found), key=canonical)


def environment(plan: Plan, registry: Registry) -> dict[str, Any]:
    """Versions and machine, without importing what is only asked for its version."""
    from importlib.metadata import PackageNotFoundError, version

    packages: dict[str, str | None] = {}
    for name in ("torch", "torchvision", "numpy", "cma", "nevergrad", "lpips"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = None
    return {
        "p2lbench": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "device": plan.device,
        "packages": packages,
        "overrides": list(plan.suite.overrides),
        "plugins": _origins(plan, registry),
    }
