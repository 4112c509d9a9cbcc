"""A planned cell, read back from what its id is the hash of."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

from p2lbench.budget import Budget
from p2lbench.errors import StoreError
from p2lbench.folder import damaged
from p2lbench.masks.kinds import BACKGROUND
from p2lbench.plan import Cell, PlanRow, seed
from p2lbench.spec import Method
from p2lbench.steps import Step, Steps
from p2lbench.store import Store
from p2lbench.storedimage import StoredImage


def read_cell(store: Store, row: PlanRow, image: StoredImage, device: str) -> Cell:
    """The cell of a row of the plan, as `Plan.cells` made it, but for the image's file.

    Args:
        device: what to compute on; of the kind that the cell's id says, for the same numbers.

    Raises:
        StoreError: the results folder does not know it, or does not know it as its id says.
    """
    try:
        content, method = decided_by(store, row.cell)
        return _cell(store, row, image, device, content, method)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        why = f"what decides cell {row.cell} is not readable ({error!r})"
        raise damaged(store.folder, why) from error


def decided_by(store: Store, cell: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a cell's id is the hash of, and what the key of the method in it is.

    Raises:
        StoreError: they are not kept in the folder, or do not fit.
    """
    content = store.identity(cell)
    method = None if content is None else store.identity(str(content.get("method")))
    if content is None or method is None:
        raise StoreError(f"{store.folder}: what decides cell {cell} is not kept here")
    return content, method


def _cell(
    store: Store,
    row: PlanRow,
    image: StoredImage,
    device: str,
    content: Mapping[str, Any],
    method: Mapping[str, Any],
) -> Cell:
    if (content["image"], content["mask"]) != (image.digest, image.mask_digest):
        raise StoreError(f"{store.folder}: cell {row.cell} is of another image than '{row.image}'")
    budget = {key: inf if value is None else value for key, value in method["budget"].items()}
    return Cell(
        row.cell,
        Method.read(method["method"], row.row),
        image.image(content["class"]),
        row.repeat,
        seed(content["seed"], image.digest, content["repeat"]),
        method["candidates"],
        Budget(**budget),
        method["protocol"],
        method["threads"],
        device,
        method["mask_scoring"],
        tuple(sorted(method["roles"].items())),
        _steps(method.get("steps", {})),
        content.get("background", BACKGROUND),
    )


def _steps(plain: Mapping[str, Any]) -> Steps:
    return tuple((name, Step.read(step)) for name, step in sorted(plain.items()))
