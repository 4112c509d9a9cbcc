"""Stored points, scored again: what that takes, when it is due, and what becomes of the record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from p2lbench import weights
from p2lbench.errors import StoreError, UserError
from p2lbench.identity import read_cell
from p2lbench.plan import Image, PlanRow, Task
from p2lbench.record import Record
from p2lbench.registry import Registry
from p2lbench.spec import Spec, digest
from p2lbench.stated import hashes_of_files, weights_named
from p2lbench.store import Store
from p2lbench.storedimage import StoredImage

TRUTH = "truth of the image"
TIMEOUT = 600.0  # seconds for scoring one cell's points


def metric_keys(metrics: Iterable[tuple[str, Spec]], registry: Registry) -> dict[str, str]:
    """Label → hash of all that decides a metric's value: options, weights, files, code.

    Weights that are not here count too, so that values are computed once they are.
    """
    return {
        label: digest(
            {
                "spec": spec.plain(),
                "weights": {name: _hash(name) for name in weights_named(spec, registry)},
                **hashes_of_files(spec, registry),
                "origin": vars(registry.find(spec.kind, spec.name)[0].origin),
            }
        )
        for label, spec in metrics
    }


def truth_key(image: Image, registry: Registry) -> str:
    """Hash of what decides the diagnostics beside the cell: the image's true transforms, and the
    point that it is a sample of."""
    known: list[Any] = [
        [spec.plain(), list(phi), vars(registry.find(spec.kind, spec.name)[0].origin)]
        for spec, phi in image.truth
    ]
    return digest([*known, *([] if image.sample is None else [image.sample.plain()])])


def _hash(name: str) -> str | None:
    try:
        return weights.locate(name).sha256
    except UserError:
        return None


def task(
    store: Store,
    row: PlanRow,
    image: StoredImage,
    metrics: tuple[tuple[str, Spec], ...],
    device: str,
) -> Task:
    """The task to score a planned cell's points again, from its folder alone.

    Raises:
        StoreError: the folder does not have what it takes, or not as it was stored.
    """
    cell = read_cell(store, row, image, device)
    latents = store.file("latents", row.cell)
    if not latents:
        raise StoreError(f"{store.folder}: cell {row.cell} has no points")
    return Task(cell, image.pixels, image.mask, metrics, TIMEOUT, latents)


def merged(store: Store, scored: Record) -> Record:
    """The stored record with the metrics and diagnostics of one that was only scored again.

    One without metrics never got that far.
    """
    stored = store.get(scored.cell)
    if stored is None:
        raise StoreError(f"{store.folder}: the record of cell {scored.cell} went away")
    return replace(
        stored,
        status=scored.status,
        reason=scored.reason,
        metrics=_with(stored, scored) or stored.metrics,
        missing=scored.missing,
        diagnostics=scored.diagnostics if scored.metrics else stored.diagnostics,
    )


def with_metric(stored: Record, scored: Record, label: str, key: str) -> Record:
    """A stored record and one metric more, or why that has no value; nothing else changes.

    `key`: the hash of all that decides the metric's value.
    """
    has = label in scored.metrics.get("original", {})
    reason = scored.missing.get(label) or scored.reason
    others = {name: why for name, why in stored.missing.items() if name != label}
    return replace(
        stored,
        metrics=_with(stored, scored) or stored.metrics,
        missing=others if has else {**others, label: reason},
        measured={**stored.measured, label: key},
    )


def _with(stored: Record, scored: Record) -> dict[str, Mapping[str, tuple[float | None, ...]]]:
    """Metrics by frame, what was scored last in place of what was there."""
    return {
        frame: {
            name: found
            for name, found in {**stored.metrics.get(frame, {}), **values}.items()
            if name not in scored.missing
        }
        for frame, values in scored.metrics.items()
    }
