"""One of two results folders that are compared, reduced to what that takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2lbench.rows import CellNumbers, Metric, reduce
from p2lbench.store import Store
from p2lbench.suiteinfo import SuiteInfo, suite_of

Labels = tuple[str, str, str, str, str]
Image = tuple[str, str | None]  # SHA-256 of its pixels and of its mask
Key = tuple[Image, int]  # an image and a repeat


@dataclass(frozen=True)
class Side:
    """One folder. `images`: content → name. `cells`: row → image and repeat → id and numbers.
    `decided`: row → all that decides its cells beside the image, as far as it is known.
    `environment`: torch, device and dtype of the cells."""

    folder: Path
    suite: SuiteInfo
    images: Mapping[Image, str]
    cells: Mapping[Labels, Mapping[Key, tuple[str, CellNumbers]]]
    decided: Mapping[Labels, Mapping[str, Any]]
    environment: Mapping[str, tuple[str, ...]]


def metrics_of(store: Store) -> list[Metric]:
    """The columns of a folder's table."""
    return [Metric.read(plain) for plain in store.metrics()]


def read(store: Store, metrics: Iterable[str]) -> Side:
    """A folder's cells, with the numbers of these metrics, in this order. Raises: StoreError."""
    suite = suite_of(store)
    known = {metric.name: metric for metric in metrics_of(store)}
    wanted = [known[name] for name in metrics]
    contents = {n: (i.digest, i.mask_digest) for n, i in store.images().items()}
    cells: dict[Labels, dict[Key, tuple[str, CellNumbers]]] = {}
    environment: dict[str, dict[str, None]] = {}
    for planned, record in store.records():
        numbers = reduce(planned, record, wanted)
        key = contents[planned.image], planned.repeat
        cells.setdefault(planned.row, {})[key] = planned.cell, numbers
        for name, value in numbers.environment:
            environment.setdefault(name, {})[value] = None
    decided = {row: _decided(store, next(iter(found.values()))[0]) for row, found in cells.items()}
    names = {content: name for name, content in contents.items()}
    told = {name: tuple(values) for name, values in environment.items()}
    return Side(store.folder, suite, names, cells, decided, told)


def _decided(store: Store, cell: str) -> dict[str, Any]:
    """A cell's own content without its image, and its method's."""
    content = store.identity(cell)
    if content is None:
        return {}
    method = store.identity(str(content["method"])) or {}
    return {**method, "seed": content["seed"]}
