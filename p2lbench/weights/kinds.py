"""The kinds of checkpoints that are converted: how one knows them, and what converts them."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol, TypeGuard, cast

from p2lbench.errors import UserError
from p2lbench.weights.files import sha256_of

_LARGEST_HEADER = 10_000_000


class _Converter(Protocol):
    def convert(self, source: Path) -> bytes: ...

    def parts(self, source: Path) -> tuple[Path, ...]: ...


@dataclass(frozen=True)
class Kind:
    """One of them.

    `key`: of the architecture in a converted file's header. `module`: has `convert(source)`, and
    `parts(source)`, the files that this depends on. `endings`: of the files that it reads.
    `folders`: whether it reads folders, too.
    """

    title: str
    key: str
    module: str
    endings: tuple[str, ...]
    folders: bool = False

    def reads(self, source: Path) -> bool:
        """Whether something could be one, by its name alone."""
        return self.folders if source.is_dir() else source.suffix.lower() in self.endings

    def convert(self, source: Path) -> bytes:
        """The one file that is kept of a checkpoint; nothing in the source is executed.

        Raises:
            UserError: it is no such checkpoint; one line.
            OSError: it cannot be read.
        """
        return self._converter.convert(source)

    def parts(self, source: Path) -> tuple[Path, ...]:
        """The files that decide what a checkpoint is: its own, and one that may be beside it."""
        return self._converter.parts(source)

    def sha256(self, source: Path) -> str:
        """What stands for a checkpoint: its file's hash, or that of several files' hashes."""
        hashes = [sha256_of(part) for part in self.parts(source)]
        return hashes[0] if len(hashes) == 1 else sha256("\n".join(hashes).encode()).hexdigest()

    @property
    def _converter(self) -> _Converter:
        return cast(_Converter, importlib.import_module(self.module))

    def architecture(self, path: Path) -> str:
        """What the header of a converted file says of the architecture, as JSON.

        Raises:
            ValueError: it is no such file, and what it is instead.
        """
        texts = header(path)
        if (written := texts.get(self.key)) is not None:
            return written
        other = [kind.title for kind in KINDS.values() if kind.key in texts]
        instead = f" but a {other[0]} one" if other else " that `p2lbench weights add` converted"
        raise ValueError(f"not a {self.title} checkpoint{instead}")


KINDS = {
    "stylegan2": Kind(
        "StyleGAN2",
        "p2lbench-stylegan2",
        "p2lbench.generators.stylegan2.checkpoint",
        (".pkl", ".pt", ".pth", ".safetensors"),
    ),
    "biggan-deep": Kind(
        "BigGAN-deep",
        "p2lbench-biggan",
        "p2lbench.generators.biggan.checkpoint",
        (".bin", ".pt", ".pth", ".safetensors"),
        folders=True,
    ),
}


def recognised(source: Path, kind: str | None = None) -> tuple[str, bytes]:
    """The kind of a checkpoint, and its converted file.

    Args:
        kind: the one that it must be of, if it may not be of any.

    Raises:
        UserError: it is of no such kind; one line that says why not.
        OSError: it cannot be read.
    """
    if kind is not None:
        return kind, KINDS[kind].convert(source)
    candidates = {name: each for name, each in KINDS.items() if each.reads(source)}
    if not candidates:
        endings = sorted({ending for each in KINDS.values() for ending in each.endings})
        expected = f"a folder or a file {', '.join(endings)}"
        raise UserError(f"{source.name}: expected {expected}, got '{source.suffix}'")
    refusals = []
    for name, each in candidates.items():
        try:
            return name, each.convert(source)
        except UserError as error:
            refusals.append((each.title, error.message))
    if len(refusals) == 1:
        raise UserError(refusals[0][1])
    raise UserError("; ".join(f"as {title}: {message}" for title, message in refusals))


def header(path: Path) -> dict[str, str]:
    """The texts in a safetensors header (8 bytes for its length, then JSON); empty if the file is
    no such thing. No tensor is read."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > _LARGEST_HEADER:
            return {}
        try:
            found = json.loads(file.read(length))
        except (ValueError, RecursionError):
            return {}
    texts = found.get("__metadata__") if isinstance(found, dict) else None
    return texts if _is_text(texts) else {}


def _is_text(texts: Any) -> TypeGuard[dict[str, str]]:
    return isinstance(texts, dict) and all(isinstance(text, str) for text in texts.values())
