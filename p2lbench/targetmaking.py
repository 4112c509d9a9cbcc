"""Makes frozen targets from the results of a suite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Any

from p2lbench import __version__, targets
from p2lbench.errors import StoreError, UserError
from p2lbench.images import read_image
from p2lbench.masks import read_mask
from p2lbench.models import Models
from p2lbench.plan import Cell, Image, Plan, Task
from p2lbench.record import Record
from p2lbench.registry import Registry
from p2lbench.runner import check_pixels
from p2lbench.seeds import stream
from p2lbench.spec import InitMap, Method, TransformChain
from p2lbench.stats import log_spaced
from p2lbench.store import Store

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
    """One image with one objective: a method that has it, to make its loss of, and its cells."""

    method: Method
    image: Image
    cells: dict[str, Method]


def make(
    plan: Plan,
    registry: Registry,
    store: Store,
    *,
    levels: int = LEVELS,
    draws: int = DRAWS,
) -> dict[str, Any]:
    """The content of a targets file.

    Per image and objective `levels` values, evenly spaced in the logarithm from the median loss of
    `draws` samples of the generator to the lowest objective that a candidate of any row reached.
    The samples are from streams that no method sees.

    Raises:
        UserError: a planned cell has not been run; no row has a result on some image.
    """
    wanted = _wanted(plan, registry)
    best = _best(store, wanted)
    cell = next(plan.cells())
    models = Models(registry, plan.device)
    objectives: dict[str, dict[str, Any]] = {}
    for key, one in wanted.items():
        if key not in best:
            raise UserError(_nothing(one))
        median = _median(replace(cell, method=one.method, image=one.image), key, draws, models)
        labels = {"generator": one.method.generator.label, "loss": one.method.loss.label}
        entry = objectives.setdefault(
            key.objective, {"id": key.objective, **labels, "images": list[Any]()}
        )
        entry["images"].append(_entry(key, one.image, median, best[key], levels))
    return {
        "format": targets.FORMAT,
        "p2lbench": __version__,
        "suite": plan.suite.name,
        "levels": levels,
        "draws": draws,
        "cells": len(plan),
        "objectives": list(objectives.values()),
    }


def _wanted(plan: Plan, registry: Registry) -> dict[targets.Key, Wanted]:
    methods = {method.row: method for method in plan.methods}
    images = {image.name: image for image in plan.suite.images}
    objectives = {row: targets.objective(method, registry) for row, method in methods.items()}
    found: dict[targets.Key, Wanted] = {}
    for planned in plan.rows():
        method, image = methods[planned.row], images[planned.image]
        key = targets.key(objectives[planned.row], image, plan.suite, method)
        found.setdefault(key, Wanted(method, image, {})).cells.setdefault(planned.cell, method)
    return dict(sorted(found.items(), key=lambda item: item[1].method.generator.label))


def _best(store: Store, wanted: Mapping[targets.Key, Wanted]) -> dict[targets.Key, Best]:
    """Raises: UserError if a cell has no record."""
    keys = {cell: key for key, one in wanted.items() for cell in one.cells}
    missing, best = {*keys}, dict[targets.Key, Best]()
    for planned, record in store.records():
        key = keys.get(planned.cell)
        if record is None or key is None:
            continue
        missing.discard(planned.cell)
        value = _lowest(record)
        if value < (best[key].value if key in best else inf):
            best[key] = Best(value, wanted[key].cells[planned.cell].row)
    if missing:
        raise StoreError(
            f"{store.folder}: {len(missing)} of {len(keys)} cells of this suite have no result "
            "here by this version. Targets are made when all has been run: use p2lbench run first"
        )
    return best


def _lowest(record: Record) -> float:
    values = [v for v in record.objective if v is not None] if record.status == "ok" else []
    return min(values, default=inf)


def _nothing(one: Wanted) -> str:
    return (
        f"no row has a result on '{one.image.name}' with generator {one.method.generator.label} "
        f"and loss {one.method.loss.label}: nothing is known to be reachable there"
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


def _median(cell: Cell, key: targets.Key, draws: int, models: Models) -> float:
    """The median loss of samples; the same for all losses of a generator."""
    import torch

    from p2lbench.project import prepare

    plain = replace(cell.method, transform=TransformChain("none"), init=InitMap("none"))
    image = cell.image
    pixels = read_image(image.file)
    mask = None if image.mask is None else read_mask(image.mask, image.file, pixels)
    check_pixels(image, pixels, mask)
    background = cell.background if key.background is None else key.background
    alone = replace(cell, method=plain, mask_scoring="soft", background=background)
    torch.set_num_threads(cell.threads)
    setting = prepare(Task(alone, pixels, mask, (), inf), models)
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
