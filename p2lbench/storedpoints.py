"""Points that a run stored, checked before they are believed: a folder may be a stranger's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from p2lbench.errors import StoreError
from p2lbench.film import without_film
from p2lbench.plan import Task

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.space import Space

SEEN = "best_seen."  # in front of the names of the best-seen points
MAX_FILE = 1 << 28  # bytes of a cell's or a target's file: more is not read


def refuse_large(path: Path) -> None:
    """Raises: StoreError if a file is larger than any that a run leaves."""
    if path.exists() and path.stat().st_size > MAX_FILE:
        raise StoreError(f"{path}: {path.stat().st_size:,} bytes; not read beyond {MAX_FILE:,}")


def check_sizes(given: Task) -> None:
    """Numbers that would fill the memory before the points are looked at. Raises: ValueError."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        stored = load(given.latents)
    except SafetensorError as error:
        raise ValueError(f"the points are no safetensors ({error})") from error
    cell = given.cell
    rows = {len(array) if array.ndim else 0 for array in without_film(stored).values()}
    if rows != {cell.candidates} or not 1 <= cell.threads <= 1024:
        message = f"points of {sorted(rows)} candidates and {cell.threads} threads"
        raise ValueError(f"{message}; expected {cell.candidates} candidates")


def tensors_of(latents: bytes) -> dict[str, Tensor]:
    """The stored tensors by name. Raises: ValueError if it is no safetensors file."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(latents)
    except SafetensorError as error:
        raise ValueError(f"the stored points are no safetensors ({error})") from error


def points_of(stored: Mapping[str, Tensor], space: Space, n: int, prefix: str = "") -> Tensor:
    """The stored (n, D) whose names begin with `prefix`, if they are points of this space.

    Raises:
        ValueError: a variable is missing, or of another shape or type, or out of its bounds.
    """
    import torch

    parts = {}
    for variable in space.variables:
        tensor = stored.get(prefix + variable.name)
        shape = (n, *variable.shape)
        if tensor is None or tuple(tensor.shape) != shape or tensor.dtype != torch.float32:
            found = "nothing" if tensor is None else f"{tensor.dtype} {tuple(tensor.shape)}"
            name = prefix + variable.name
            raise ValueError(
                f"stored points: expected torch.float32 {shape} of {name}, got {found}"
            )
        parts[variable.name] = tensor
    points = space.join(parts).to(space.device)
    if bool(((points < space.low) | (points > space.high)).any()):
        raise ValueError(f"stored points: {prefix or 'returned '}points are out of their bounds")
    return points
