"""How the rows of a results folder were run, read back from what its cells' ids are hashes of."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from p2lbench.errors import StoreError
from p2lbench.experiments.comparable import Measured, Run
from p2lbench.experiments.model import Labels
from p2lbench.identity import decided_by
from p2lbench.masks.kinds import BACKGROUND
from p2lbench.spec import Method, Spec
from p2lbench.store import Store
from p2lbench.suiteinfo import suite_of


def runs(store: Store) -> dict[Labels, Run]:
    """Each row's by its names; without those of which the folder does not keep it.

    Raises: StoreError: the folder is damaged.
    """
    metrics, masked = _metrics(store), _masked(store)
    weights = suite_of(store).weights
    cells = {planned.row: planned.cell for planned in store.plan()}
    found = {}
    for labels, cell in cells.items():
        with suppress(StoreError, KeyError, TypeError, ValueError, AttributeError):
            content, method = decided_by(store, cell)
            found[labels] = _run(labels, content, method, metrics, masked, weights)
    return found


def _run(
    labels: Labels,
    content: Mapping[str, Any],
    method: Mapping[str, Any],
    metrics: Mapping[str, Measured],
    masked: bool,
    weights: Mapping[str, str],
) -> Run:
    return Run(
        Method.read(method["method"], labels),
        int(method["candidates"]),
        str(method["protocol"]),
        any(value is not None for value in method["budget"].values()),
        masked,
        str(method["mask_scoring"]),
        float(content.get("background", BACKGROUND)),
        tuple(sorted({*method["roles"], *method.get("steps", {})})),
        metrics,
        weights,
    )


def _metrics(store: Store) -> dict[str, Measured]:
    found = {}
    for plain in store.metrics():
        with suppress(KeyError, TypeError, AttributeError):
            spec = Spec.read(plain["spec"])
            found[str(plain["name"])] = Measured(spec, str(plain.get("protocol", "")))
    return found


def _masked(store: Store) -> bool:
    images = store.images().values()
    return bool(images) and all(image.mask_digest is not None for image in images)
