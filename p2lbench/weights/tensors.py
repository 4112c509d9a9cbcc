"""Strangers' files of tensors, read as data: torch's with `weights_only`, and safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from p2lbench.errors import UserError
from p2lbench.weights.pickles import Bad, look_through

LARGEST = 4 << 30  # bytes; NVIDIA's and BigGAN's largest have 0.4 GB
_LONGEST = 240  # characters of a message
_SAFE_TORCH = (2, 6)  # before, weights_only could be made to execute code (CVE-2025-32434)
_EXPECTED = "expected tensors by name, as torch.save(model.state_dict(), FILE) writes them"
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def refusal(name: str, error: Exception) -> UserError:
    """Why a file cannot be used, on one line of a terminal, whatever names of its own are in it."""
    text = str(error)
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    line = "".join(c if c.isprintable() else "?" for c in short)
    return UserError(f"{name} cannot be used: {line}")


def size_of(path: Path) -> int:
    """In bytes.

    Raises:
        Bad: it is empty, or larger than any checkpoint.
    """
    size = path.stat().st_size
    if not 0 < size <= LARGEST:
        raise Bad(f"expected 1 to {LARGEST} bytes, got {size}")
    return size


def torch_file(path: Path, allowed: tuple[type, ...] = ()) -> Mapping[Any, Any]:
    """What `torch.save` wrote, onto the CPU.

    Args:
        allowed: what may be in it beside plain data and tensors.

    Raises:
        Bad: torch would take more memory or time for it than its size tells, or refuses it; or it
            is no mapping.
    """
    if tuple(map(int, torch.__version__.split(".")[:2])) < _SAFE_TORCH:
        raise Bad(f"reading {path.suffix} safely needs torch 2.6, this is {torch.__version__}")
    try:
        look_through(path, [f"{each.__module__}.{each.__qualname__}" for each in allowed])
    except Bad as error:
        raise Bad(f"{error}; {_EXPECTED}") from error
    try:
        with torch.serialization.safe_globals([*allowed]):
            found = torch.load(path, map_location="cpu", weights_only=True)
    # torch does not say what a damaged or hostile file may make it raise.
    except Exception as error:
        raise Bad(f"torch cannot read it with weights_only; {_EXPECTED}") from error
    if not isinstance(found, Mapping):
        raise Bad("there is no mapping of tensors in it")
    return found


def safetensors_file(path: Path) -> dict[str, Tensor]:
    """Its tensors.

    Raises:
        Bad: it is no such file.
    """
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except OSError:
        raise
    # Nor does safetensors, which leaves some shapes to torch.
    except Exception as error:
        raise Bad("it is no safetensors file") from error


def check(state: Mapping[Any, Any], size: int) -> None:
    """Raises Bad: there is something else than named tensors of plain numbers, or they take more
    memory than the file has bytes."""
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise Bad("there is something else than named tensors in it")
        plain = tensor.layout is torch.strided and tensor.device.type == "cpu"
        if not plain or tensor.is_nested or tensor.dtype not in _FLOATS or not tensor.numel():
            raise Bad(f"'{name}' is no tensor of plain numbers")
        size -= tensor.nbytes
    if size < 0:
        raise Bad("its tensors are larger than the file")
