"""A results folder's metrics: the suite's, and those that `rescore` added later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from p2lbench.errors import StoreError, UserError
from p2lbench.leaderboard import Metric
from p2lbench.options import build
from p2lbench.registry import Registry
from p2lbench.spec import Spec, WeightedLoss
from p2lbench.store import Store
from p2lbench.suite import Suite

ADDED = "added"


def joined(suite: Suite, store: Store, registry: Registry, warn: Callable[[str], None]) -> Suite:
    """A suite that also has the metrics which were added to its folder.

    One of the suite's own of the same name wins. One whose plugin is not here is left as it is:
    `warn` is told.
    """
    labels, specs = list(suite.metric_labels), list(suite.metrics)
    for plain in _added(store):
        spec = spec_of(plain, store)
        if plain["name"] in suite.metric_labels:
            continue
        try:
            build(spec, registry)
        except UserError as error:
            warn(f"metric '{plain['name']}' was added to this folder and stays as it is: {error}")
            continue
        labels.append(plain["name"])
        specs.append(spec)
    return replace(suite, metric_labels=tuple(labels), metrics=tuple(specs))


def keep_metrics(store: Store, suite: Suite, registry: Registry) -> None:
    """Describe in the folder the metrics of a suite, and those added that are not here now."""
    before = {plain["name"]: plain for plain in _added(store)}
    pairs = zip(suite.metric_labels, suite.metrics, strict=True)
    described = {label: description(label, spec, registry) for label, spec in pairs}
    for label, plain in before.items():
        if label not in described:
            described[label] = plain
        elif described[label]["spec"] == plain["spec"]:
            described[label][ADDED] = True
    store.set_metrics([*described.values()])


def description(label: str, spec: Spec, registry: Registry) -> dict[str, Any]:
    """A metric as the folder's database has it: its column, and the plugin with its options."""
    loss = build(spec, registry)
    protocol = "; ".join(f"{k}: {v}" for k, v in getattr(loss, "protocol", {}).items())
    metric = Metric(label, label, bool(loss.higher_is_better), protocol)
    return {**vars(metric), "spec": spec.plain()}


def spec_of(plain: Any, store: Store) -> Spec:
    """The plugin of a metric as described. Raises: StoreError if it is not told."""
    try:
        return Spec.read(plain["spec"])
    except (KeyError, TypeError, AttributeError) as error:
        name = plain.get("name")
        raise StoreError(
            f"{store.folder}: what metric '{name}' is, is not kept here; run the suite again"
        ) from error


def measured_as(loss: WeightedLoss, suite: Suite) -> tuple[str, ...]:
    """A loss's terms by name, and by what the metrics that are the same plugin are called."""
    names = {spec.name for spec, _ in loss.terms}
    pairs = zip(suite.metric_labels, suite.metrics, strict=True)
    return (*sorted(names), *(label for label, spec in pairs if spec.name in names))


def _added(store: Store) -> list[dict[str, Any]]:
    return [plain for plain in store.metrics() if plain.get(ADDED)]
