"""What stands in for the objects of a pickle, and the only functions that a pickle may name."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Arguments = tuple[Any, ...]
Call = Callable[[str, Arguments], Any]  # its own name in the table, and a pickle's arguments


class Bad(ValueError):
    """A pickle that is damaged, too large, or asks for what it must not have."""


@dataclass(frozen=True, eq=False)
class Global:
    """A name of the table, where a pickle has a class or a function."""

    name: str


@dataclass(frozen=True, eq=False)
class Inert:
    """An object that nobody needs; what it was built from is dropped."""

    name: str


@dataclass(frozen=True, eq=False)
class Module:
    """A network's module as torch_utils.persistence writes it: a class's name and its attributes.

    The source code that comes with it is dropped.
    """

    class_name: str
    attributes: Mapping[Any, Any]

    def part(self, name: str) -> Mapping[Any, Any]:
        """`_parameters`, `_buffers` or `_modules`; empty if there is none."""
        found = self.attributes.get(name)
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, eq=False)
class Blob:
    """A storage as torch wrote it into the pickle; read when a tensor needs it."""

    content: bytes


@dataclass(frozen=True, eq=False)
class Stored:
    """A tensor that has not been made yet: where it is in a storage."""

    storage: Blob
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def _mapping(name: str, given: Arguments) -> dict[Any, Any]:
    if given:
        raise Bad(f"{name} is called with arguments")
    return {}


def _inert(name: str, given: Arguments) -> Inert:
    return Inert(name)


def _module(name: str, given: Arguments) -> Module:
    meta = given[0] if len(given) == 1 else None
    if not isinstance(meta, dict):
        raise Bad("a module without its class and state")
    class_name, state = meta.get("class_name"), meta.get("state")
    if not (isinstance(class_name, str) and isinstance(state, dict)):
        raise Bad("a module without its class and state")
    return Module(class_name, state)


def _stored(name: str, given: Arguments) -> Stored:
    storage, offset, size, stride = given[:4] if len(given) in (6, 7) else (None,) * 4
    if not (isinstance(storage, Blob) and _whole((offset,)) and _whole(size) and _whole(stride)):
        raise Bad("a tensor that is not described by a storage, an offset, a size and strides")
    return Stored(storage, offset, size, stride)


def _whole(value: Any) -> bool:
    """Whether it is a few numbers, none so long that multiplying them takes forever."""
    if type(value) is not tuple or len(value) > 8:
        return False
    return all(type(n) is int and n.bit_length() < 64 for n in value)


def _parameter(name: str, given: Arguments) -> Stored:
    if not given or not isinstance(given[0], Stored):
        raise Bad("a parameter that is no tensor")
    return given[0]


def _blob(name: str, given: Arguments) -> Blob:
    if len(given) != 1 or type(given[0]) is not bytes:
        raise Bad("a storage that is no bytes")
    return Blob(given[0])


def _bytes(name: str, given: Arguments) -> bytes:
    """How protocols before 3 write bytes."""
    if len(given) != 2 or type(given[0]) is not str or given[1] != "latin1":
        raise Bad("bytes in another encoding than latin1")
    try:
        return given[0].encode("latin1")
    except UnicodeEncodeError:
        raise Bad("bytes that are none") from None


def _sizes(name: str, given: Arguments) -> tuple[int, ...]:
    if len(given) != 1 or not _whole(given[0]):
        raise Bad("a torch.Size that is none")
    sizes: tuple[int, ...] = given[0]
    return sizes


@dataclass(frozen=True, eq=False)
class Dtype:
    """NumPy's, by its code."""

    code: str


def _dtype(name: str, given: Arguments) -> Dtype:
    code = given[0] if given else None
    if type(code) is not str:
        raise Bad("a numpy.dtype without its code")
    return Dtype(code)


_SCALARS = {"f8": "<d", "f4": "<f", "i8": "<q", "i4": "<i", "b1": "<?"}


def _scalar(name: str, given: Arguments) -> Any:
    """A NumPy number as Python's; of another kind, nothing that anybody needs."""
    dtype, content = given if len(given) == 2 else (None, None)
    if not (isinstance(dtype, Dtype) and type(content) is bytes):
        raise Bad("a NumPy number that is none")
    form = _SCALARS.get(dtype.code)
    if form is None or len(content) != struct.calcsize(form):
        return Inert(name)
    return struct.unpack(form, content)[0]


STORAGES = {
    f"torch.{kind}Storage": kind.lower()
    for kind in ("Double", "Float", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte")
} | {"torch.BoolStorage": "bool"}

CALLS: dict[str, Call] = {
    "collections.OrderedDict": _mapping,
    "dnnlib.util.EasyDict": _mapping,
    "builtins.set": _inert,
    "__builtin__.set": _inert,
    "_codecs.encode": _bytes,
    "torch_utils.persistence._reconstruct_persistent_obj": _module,
    "torch._utils._rebuild_tensor_v2": _stored,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.storage._load_from_bytes": _blob,
    "torch.Size": _sizes,
    "torch.device": _inert,
    **{f"torch.{name}": _inert for name in ("float16", "float32", "float64", "int64", "bool")},
    **dict.fromkeys(STORAGES, _inert),
    "numpy.dtype": _dtype,
    "numpy.ndarray": _inert,
    **{
        f"numpy.{core}.{name}": make
        for core in ("core", "_core")
        for name, make in (
            ("multiarray.scalar", _scalar),
            ("multiarray._reconstruct", _inert),
            ("numeric._frombuffer", _inert),
        )
    },
}
