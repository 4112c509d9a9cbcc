"""Makes frozen targets from a results folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Any

from p2lbench import __version__, targets
from p2lbench.errors import StoreError, UserError
from p2lbench.identity import read_cell
from p2lbench.models import Models
from p2lbench.plan import Cell, Image, Task
from p2lbench.record import Record
from p2lbench.registry import Registry
from p2lbench.seeds import stream
from p2lbench.spec import InitMap, TransformChain
from p2lbench.stats import log_spaced
from p2lbench.store import Store
from p2lbench.storedimage import StoredImage

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.project import Setting

LEVELS, DRAWS = 10, 64
_AT_ONCE = 8  # draws that go through the networks side by side


@dataclass(frozen=True)
class Best:
    """The lowest original-frame objective of a returned candidate, and which row found it."""

    value: float
    by: tuple[str, ...]


@dataclass(frozen=True)
class Wanted:
    """One image with one objective: a cell that has it, and the row of each that does."""

    cell: Cell
    cells: dict[str, tuple[str, ...]]


def make(
    store: Store, registry: Registry, device: str, *, levels: int = LEVELS, draws: int = DRAWS
) -> dict[str, Any]:
    """The content of a targets file.

    Per image and objective `levels` values, evenly spaced in the logarithm from the median loss of
    `draws` samples of the generator to the lowest objective that a candidate of any row reached.
    The samples are from streams that no method sees.

    Raises:
        UserError: a plugin or weights are missing; no row has a result on some image.
        StoreError: a planned cell has not been run; the weights are not those of the run.
    """
    wanted = _wanted(store, registry, device)
    best = _best(store, wanted)
    models, images = Models(registry, device), store.images()
    objectives: dict[str, dict[str, Any]] = {}
    for key, one in wanted.items():
        if key not in best:
            raise UserError(_nothing(one.cell))
        median = _median(one.cell, key, images[one.cell.image.name], draws, models)
        method = one.cell.method
        labels = {"generator": method.generator.label, "loss": method.loss.label}
        entry = objectives.setdefault(
            key.objective, {"id": key.objective, **labels, "images": list[Any]()}
        )
        entry["images"].append(_entry(key, one.cell.image, median, best[key], levels))
    return {
        "format": targets.FORMAT,
        "p2lbench": __version__,
        "suite": store.header()["name"],
        "levels": levels,
        "draws": draws,
        "cells": len(store.plan()),
        "objectives": list(objectives.values()),
    }


def _wanted(store: Store, registry: Registry, device: str) -> dict[targets.Key, Wanted]:
    """By generator, since a single one is held in memory."""
    images, found = store.images(), dict[targets.Key, Wanted]()
    keys: dict[tuple[tuple[str, ...], str], targets.Key] = {}
    for row in store.plan():
        if (row.row, row.image) not in keys:
            cell = read_cell(store, row, images[row.image], device)
            objective = targets.objective(cell.method, registry)
            key = targets.key(objective, cell.image, cell.mask_scoring, cell.background)
            keys[row.row, row.image] = key
            found.setdefault(key, Wanted(cell, {}))
        found[keys[row.row, row.image]].cells[row.cell] = row.row
    return dict(sorted(found.items(), key=lambda item: item[1].cell.method.generator.label))


def _best(store: Store, wanted: Mapping[targets.Key, Wanted]) -> dict[targets.Key, Best]:
    """Raises: StoreError if a cell has no record."""
    keys = {cell: key for key, one in wanted.items() for cell in one.cells}
    missing, best = 0, dict[targets.Key, Best]()
    for planned, record in store.records():
        key = keys[planned.cell]
        missing += record is None
        value = inf if record is None else _lowest(record)
        if value < (best[key].value if key in best else inf):
            best[key] = Best(value, wanted[key].cells[planned.cell])
    if missing:
        raise StoreError(
            f"{store.folder}: {missing} of {len(keys)} cells have not been run. Targets are made "
            "when all has been run: run the suite first"
        )
    return best


def _lowest(record: Record) -> float:
    values = [v for v in record.objective if v is not None] if record.status == "ok" else []
    return min(values, default=inf)


def _nothing(cell: Cell) -> str:
    return (
        f"no row has a result on '{cell.image.name}' with generator {cell.method.generator.label} "
        f"and loss {cell.method.loss.label}: nothing is known to be reachable there"
    )


def _entry(
    key: targets.Key, image: Image, median: float, best: Best, levels: int
) -> dict[str, Any]:
    return {
        "name": image.name,
        "pixels": key.pixels,
        "mask": key.mask,
        "background": key.background,
        "median": median,
        "best": best.value,
        "by": list(best.by),
        "values": log_spaced(median, best.value, levels).tolist(),
    }


def _median(cell: Cell, key: targets.Key, image: StoredImage, draws: int, models: Models) -> float:
    """The median loss of samples; of the same ones for all losses of a generator."""
    import torch

    from p2lbench.project import prepare

    plain = replace(cell.method, transform=TransformChain("none"), init=InitMap("none"))
    background = cell.background if key.background is None else key.background
    alone = replace(cell, method=plain, mask_scoring="soft", background=background)
    torch.set_num_threads(cell.threads)
    setting = prepare(Task(alone, image.pixels, image.mask, (), inf), models)
    seed = stream("targets", image.digest)
    with torch.no_grad():
        setting.objective.batch = _AT_ONCE
        losses = setting.objective.original(_samples(setting, draws, seed))
    finite = losses[losses.isfinite()]
    if not len(finite):
        raise UserError(f"no sample of {cell.method.generator.label} has a finite loss")
    return float(finite.double().quantile(0.5))


def _samples(setting: Setting, draws: int, seed: int) -> Tensor:
    """(draws, D): the prior's, each of a class drawn at random where there are classes."""
    import numpy as np
    import torch

    rng = np.random.Generator(np.random.Philox(seed))
    space, generator = setting.space, setting.generator
    noise = torch.from_numpy(rng.standard_normal((draws, space.d), dtype=np.float32))
    points = (space.mean + space.std * noise.to(space.device)).clamp(min=space.low, max=space.high)
    if generator.conditional and generator.classes and "c" in space.slices:
        drawn = torch.from_numpy(rng.integers(len(generator.classes), size=draws))
        points[:, space.slices["c"]] = generator.embed(drawn).flatten(1).to(space.device)
    return points
