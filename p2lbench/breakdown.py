"""A row's numbers by class of image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from p2lbench.rows import MEAN, SELECTED, CellNumbers, OfClass, named
from p2lbench.stats import Array


def by_class(
    cells: Sequence[CellNumbers], names: Sequence[str], classes: Mapping[str, str]
) -> dict[str, OfClass]:
    """Class → numbers, from the cells of a row's complete images; `names` of the metrics.

    Over repeats, then the images of a class. Images without a class are left out; classes are in
    the order of their names.
    """
    images: dict[str, list[Array]] = {}
    for cell in cells:
        if cell.numbers is not None and cell.image in classes:
            images.setdefault(cell.image, []).append(cell.numbers[[MEAN, SELECTED]])
    members: dict[str, list[Array]] = {}
    for image, repeats in images.items():
        members.setdefault(classes[image], []).append(_average(repeats))
    return {name: _of_class(members[name], names) for name in sorted(members)}


def _average(values: Sequence[Array]) -> Array:
    return values[0] if len(values) == 1 else np.asarray(sum(values) / len(values))


def _of_class(images: Sequence[Array], names: Sequence[str]) -> OfClass:
    mean, selected = np.mean(images, axis=0)
    return OfClass(len(images), named(names, mean), named(names, selected))
