"""Fine-tuned generators in a results folder: `finetuned/<cell>-<candidate>[-name]/`."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2lbench.errors import StoreError, UserError, did_you_mean
from p2lbench.storedpoints import points_of, refuse_large, tensors_of

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.project import Setting

FOLDER = "finetuned"
WEIGHTS, LATENTS, DOCUMENT = "weights.safetensors", "latents.safetensors", "finetune.json"
CELL = 12  # digits of the cell's id in a folder's name
SUFFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_NAMED = re.compile(rf"[0-9a-f]{{1,{CELL}}}-[0-9]+-(.+)")
_HEADER = 1 << 24  # bytes that the names of a weights file may take


@dataclass(frozen=True)
class Told:
    """What `finetune.json` says of whose weights these are; `base`: the hash of theta0."""

    folder: Path
    cell: str
    candidate: int
    base: str
    hashes: Mapping[str, str]


def place(folder: Path, cell: str, candidate: int, name: str | None) -> Path:
    """Where a fine-tuning of that name goes.

    Raises:
        UserError: the name cannot be part of a folder's, or the place is taken.
    """
    if name is not None and not SUFFIX.fullmatch(name):
        raise UserError(f"--name: expected letters, digits, '-', '_' and '.', got '{name}'")
    path = folder / FOLDER / folder_name(cell, candidate, name)
    if path.exists():
        raise UserError(f"{path}: is there already; give this one a --name, or delete that")
    return path


def folder_name(cell: str, candidate: int, name: str | None) -> str:
    """What a fine-tuning's folder is called."""
    return "-".join([cell[:CELL], str(candidate), *([name] if name else [])])


def names(folder: Path) -> list[str]:
    """The fine-tuned generators of a results folder."""
    found = folder / FOLDER
    if not found.is_dir():
        return []
    return sorted(each.name for each in found.iterdir() if (each / DOCUMENT).is_file())


def find(folder: Path, name: str) -> Told:
    """One of them by its folder's name, or by the `--name` that it was given.

    Raises:
        UserError: there is none, or there are several.
        StoreError: what it says is not readable.
    """
    known = names(folder)
    found = [name] if name in known else [each for each in known if _given(each) == name]
    if len(found) == 1:
        return _told(folder / FOLDER / found[0])
    have = "".join(f"\n  {each}" for each in found or known)
    if not known:
        raise UserError(f"{folder}: nothing was fine-tuned here; p2lbench finetune does it")
    several = f"several are called '{name}': give the whole name."
    none = f"there is no '{name}'.{did_you_mean(name, known)}"
    raise UserError(f"{folder / FOLDER}: {several if found else none} There are:{have}")


def _given(name: str) -> str | None:
    """The `--name` in a folder's name."""
    match = _NAMED.fullmatch(name)
    return None if match is None else match[1]


def applied(told: Told, setting: Setting) -> Tensor:
    """Give a setting's generator the weights; the point (1, d) that belongs to them.

    Raises:
        StoreError: the files are not those that were written, or do not fit the generator.
    """
    import torch

    weights = dict(setting.generator.parameters())
    if hash_of(weights) != told.base:
        raise StoreError(f"{told.folder}: the generator's own weights are not those of then")
    limit = _HEADER + sum(tensor.numel() * tensor.element_size() for tensor in weights.values())
    found = _tensors(told, WEIGHTS, limit)
    for name, tensor in weights.items():
        other = found.get(name)
        if other is None or other.shape != tensor.shape or other.dtype != tensor.dtype:
            have = "nothing" if other is None else f"{other.dtype} {tuple(other.shape)}"
            wanted = f"{tensor.dtype} {tuple(tensor.shape)}"
            raise StoreError(f"{told.folder / WEIGHTS}: expected {wanted} of {name}, got {have}")
        if not bool(other.isfinite().all()):
            raise StoreError(f"{told.folder / WEIGHTS}: {name} is not finite")
    with torch.no_grad():
        for name, tensor in weights.items():
            tensor.copy_(found[name])
    try:
        return points_of(_tensors(told, LATENTS, _HEADER), setting.space, 1)
    except ValueError as error:
        raise StoreError(f"{told.folder / LATENTS}: {error}") from error


def hash_of(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 of tensors: names, shapes and values."""
    digest = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _tensors(told: Told, name: str, limit: int) -> dict[str, Tensor]:
    path = told.folder / name
    try:
        if path.stat().st_size > limit:
            raise StoreError(f"{path}: larger than the weights of this generator: not read")
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror or error}") from error
    if hashlib.sha256(data).hexdigest() != told.hashes.get(name):
        raise StoreError(f"{path}: this file differs from what was fine-tuned; do it again")
    try:
        return tensors_of(data)
    except ValueError as error:
        raise StoreError(f"{path}: {error}") from error


def _told(folder: Path) -> Told:
    path = folder / DOCUMENT
    try:
        refuse_large(path)
        plain: Any = json.loads(path.read_bytes())
        cell, candidate = str(plain["cell"]), plain["candidate"]
        if not isinstance(candidate, int) or not re.fullmatch("[0-9a-f]{1,64}", cell):
            raise ValueError("not a cell's id and a candidate")
        hashes = {str(name): str(digest) for name, digest in plain["files"].items()}
        return Told(folder, cell, candidate, str(plain["base"]), hashes)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StoreError(f"{path}: not what p2lbench finetune writes ({error!r:.200})") from error
