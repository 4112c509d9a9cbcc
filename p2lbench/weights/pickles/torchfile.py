"""Torch's files, looked through before torch unpickles them.

`weights_only` executes nothing, but it hashes whatever is a key, calls what makes tensors and bytes
of any size, and reads a storage as often as it has a name. So a file of a few bytes could end the
process or take all memory.
"""

from __future__ import annotations

import io
import mmap
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from p2lbench.weights.pickles.machine import run
from p2lbench.weights.pickles.values import CALLS, STORAGES, Bad, Call, Inert

_ZIP = b"PK\x03\x04"  # by which torch tells its two formats apart
_FORMER = 5  # pickles that the former one begins with: magic, protocol, system, content, keys


def look_through(path: Path, allowed: Iterable[str] = ()) -> None:
    """Raises Bad: a torch file has in it what no state dict needs, or more than it has bytes.

    Args:
        allowed: names of further classes, of which objects may be in it.
    """
    names = {**_NAMES, **dict.fromkeys(allowed, _inert)}
    with path.open("rb") as file:
        if file.read(len(_ZIP)) != _ZIP:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                for _ in range(_FORMER):
                    run(content, _storage, names)  # type: ignore[arg-type]  # has read, readline
            return
    for pickle in _zipped(path):
        run(io.BytesIO(pickle), _storage, names)


def _zipped(path: Path) -> Iterator[bytes]:
    """The pickles in a zip file."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise Bad("it is compressed, which torch's files are not")
            if sum(entry.file_size for entry in entries) > path.stat().st_size:
                raise Bad("its parts are larger than the file")  # some are the same bytes
            for entry in entries:
                if entry.filename.lower().endswith(".pkl"):
                    yield archive.read(entry)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise Bad("it is a damaged zip file") from error


def _inert(name: str, given: tuple[object, ...]) -> Inert:
    return Inert(name)


def _storage(_: object) -> Inert:
    return Inert("storage")


_TENSORS = ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter")
_COMPLEX = ("ComplexFloatStorage", "ComplexDoubleStorage")
_DTYPES = ("float16", "bfloat16", "float32", "float64", "int32", "int64", "uint8", "bool")
_KINDS = [*(name.removeprefix("torch.") for name in STORAGES), *_COMPLEX]
_NAMES: dict[str, Call] = {
    **{name: CALLS[name] for name in ("collections.OrderedDict", "_codecs.encode")},
    **dict.fromkeys(("builtins.set", "__builtin__.set", "torch.Size", "torch.device"), _inert),
    **dict.fromkeys((f"torch._utils.{name}" for name in _TENSORS), _inert),
    **dict.fromkeys((f"torch.{name}" for name in (*_KINDS, *_DTYPES)), _inert),
    **dict.fromkeys((f"torch.cuda.{name}" for name in _KINDS), _inert),
    **dict.fromkeys(("torch.storage.UntypedStorage", "torch.storage.TypedStorage"), _inert),
}
