"""Tensors out of the storages that torch writes into a pickle (its format before zip files)."""

from __future__ import annotations

import io
from math import prod
from typing import TYPE_CHECKING, Any

from p2lbench.weights.pickles.machine import run
from p2lbench.weights.pickles.values import STORAGES, Bad, Global, Stored

if TYPE_CHECKING:
    from torch import Tensor

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


def tensor(stored: Stored) -> Tensor:
    """A tensor of its own memory, no larger than its storage, which is read each time.

    Raises:
        Bad: the storage is damaged, or the tensor reaches beyond it, repeats its elements or has
            none.
    """
    kind, content = _storage(stored.storage.content)
    import torch

    dtype: torch.dtype = getattr(torch, _DTYPES.get(kind, kind))
    count = len(content) // dtype.itemsize
    _check_bounds(stored, count)
    flat = torch.frombuffer(bytearray(content), dtype=dtype, count=count)
    view = flat.as_strided(stored.size, stored.stride, stored.offset)
    return view.clone(memory_format=torch.contiguous_format)


_DTYPES = {"char": "int8", "byte": "uint8"}


def _check_bounds(stored: Stored, count: int) -> None:
    size, stride = stored.size, stored.stride
    if len(size) != len(stride) or min((stored.offset, *size, *stride)) < 0:
        raise Bad("a tensor with a negative size, or strides that do not fit it")
    elements = prod(size)
    if elements == 0:
        raise Bad("a tensor without elements")
    last = stored.offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if elements > count or last >= count:
        raise Bad("a tensor that is larger than its storage")


def _storage(content: bytes) -> tuple[str, memoryview]:
    """Kind of number, and the numbers' bytes."""
    file = io.BytesIO(content)
    magic, protocol, system = run(file), run(file), run(file)
    little = isinstance(system, dict) and system.get("little_endian") is True
    if magic != _MAGIC or protocol != _PROTOCOL or not little:
        raise Bad("a storage in another format than torch's")
    found = run(file, _persistent)
    keys = run(file)
    if not isinstance(found, _Described) or keys != [found.key]:
        raise Bad("a storage that is not one storage")
    count = int.from_bytes(file.read(8), "little")
    left = memoryview(content)[file.tell() :]
    if count != found.count or len(left) != count * _SIZES[found.kind]:
        raise Bad("a storage that is cut short")
    return found.kind, left


_SIZES = {
    **{"double": 8, "float": 4, "half": 2, "bfloat16": 2, "long": 8, "int": 4, "short": 2},
    **{"char": 1, "byte": 1, "bool": 1},
}


class _Described:
    """A storage's kind, key and number of elements, as the pickle in it says."""

    def __init__(self, kind: str, key: str, count: int) -> None:
        self.kind, self.key, self.count = kind, key, count


def _persistent(given: Any) -> _Described:
    fields: tuple[Any, ...] = given if type(given) is tuple and len(given) == 6 else (None,) * 6
    tag, kind, key, _, count, view = fields
    name = STORAGES.get(kind.name) if isinstance(kind, Global) else None
    if tag != "storage" or name is None or type(key) is not str or type(count) is not int or view:
        raise Bad("a storage that is not described as torch does")
    return _Described(name, key, count)
