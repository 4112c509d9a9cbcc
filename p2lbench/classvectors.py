"""The class vectors that a results folder's candidates ended with, beside the classes' own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from p2lbench.diagnostics import CLASS_VECTOR
from p2lbench.errors import P2LBenchError
from p2lbench.identity import decided_by
from p2lbench.options import build
from p2lbench.plan import PlanRow, class_index
from p2lbench.registry import Registry
from p2lbench.spec import Spec
from p2lbench.store import Store
from p2lbench.storedpoints import refuse_large

Array = np.ndarray[Any, np.dtype[np.float32]]
MOST = 5000  # points; of more, every so many-th
EVERY = 20  # so many classes are all shown; of more, those of the images


@dataclass(frozen=True)
class ClassVectors:
    """`found (n, d)` of class numbers `of (n,)`, that of the image; `own (k, d)` of the classes
    `numbers (k,)`, whose names are `names`."""

    found: Array
    of: np.ndarray[Any, np.dtype[np.int64]]
    own: Array
    numbers: tuple[int, ...]
    names: tuple[str, ...]

    @property
    def all_own(self) -> bool:
        """Whether no candidate has another vector than the classes'."""
        own = {vector.tobytes() for vector in self.own}
        return all(vector.tobytes() in own for vector in self.found)


def collect(store: Store, registry: Registry) -> ClassVectors | str:
    """Of the folder's first generator that has classes; why there are none, if there are none.

    Raises:
        StoreError: the folder is damaged.
    """
    reason = "no generator has classes"
    for label in dict.fromkeys(row.row[0] for row in store.plan()):
        rows = [row for row in store.plan() if row.row[0] == label]
        try:
            generator = _generator(store, rows[0], registry)
        except P2LBenchError as error:  # its plugin or its weights are not here
            reason = str(error).partition("\n")[0]
            continue
        if generator.conditional and generator.classes:
            found = _found(store, rows, generator)
            return found or f"no candidate of {label} has a class vector and a class"
    return reason


def _generator(store: Store, row: PlanRow, registry: Registry) -> Any:
    spec = Spec.read(decided_by(store, row.cell)[1]["method"]["generator"])
    generator = build(spec, registry)
    if generator.conditional:
        generator.load("cpu")
    return generator


def _found(store: Store, rows: list[PlanRow], generator: Any) -> ClassVectors | None:
    import torch

    pairs = [pair for row in rows for pair in _of_cell(store, row, tuple(generator.classes))]
    count = len(generator.classes)
    with torch.no_grad():
        own = generator.embed(torch.arange(count)).flatten(1).cpu().numpy()
    pairs = [(number, c) for number, c in pairs if c.shape == own.shape[1:]]
    pairs = pairs[:: -(-len(pairs) // MOST) or 1]
    if not pairs:
        return None
    of = np.array([number for number, _ in pairs])
    numbers = tuple(range(count)) if count <= EVERY else tuple(sorted({*of.tolist()}))
    names = tuple(str(generator.classes[number]) for number in numbers)
    return ClassVectors(np.stack([c for _, c in pairs]), of, own[[*numbers]], numbers, names)


def _of_cell(store: Store, row: PlanRow, classes: tuple[str, ...]) -> Iterator[tuple[int, Array]]:
    """The class's number and c of every candidate, flat."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    image = store.images().get(row.image)
    number = None if image is None else class_index(image.class_name, classes)
    refuse_large(store.path("latents", row.cell))
    latents = store.file("latents", row.cell)
    if number is None or not latents:
        return
    try:
        vectors = load(latents).get(CLASS_VECTOR)
    except (SafetensorError, ValueError):
        return
    if vectors is not None and vectors.ndim > 1 and bool(np.isfinite(vectors).all()):
        yield from ((number, c.ravel()) for c in vectors.astype(np.float32))
