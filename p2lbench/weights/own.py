"""Checkpoints that a user brings under a name of their own: StyleGAN2's, converted once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from p2lbench.errors import UserError
from p2lbench.weights import files

_OWN = "own.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9.+-]{0,79}")


@dataclass(frozen=True)
class Own:
    """A converted file of the weights folder, its hash, and what it was made from.

    `source_sha256` stands for it in the ids of cells: conversions on two machines may differ in
    the last digit of the prior that is estimated.
    """

    file: str
    sha256: str
    source: str
    source_sha256: str

    @property
    def path(self) -> Path:
        """Where it is."""
        return files.folder() / self.file


def records() -> dict[str, Own]:
    """All of them by name.

    Raises:
        UserError: the list of them is damaged.
    """
    try:
        return {name: Own(**record) for name, record in files.records(_OWN).items()}
    except TypeError as error:
        raise UserError(f"{files.folder() / _OWN} is damaged; delete it and add anew") from error


def check(name: str, own: Own) -> None:
    """Raises UserError: the file is gone, or not what it was."""
    again = f"p2lbench weights add {own.source} --as {name}"
    if not own.path.is_file():
        raise UserError(f"{name}: the converted file {own.path} is gone; {again}")
    if files.known_hash(own.path) != own.sha256:
        raise UserError(f"{name}: {own.path} is not what it was; {again}")


def name_for(file: Path, name: str | None) -> str:
    """The name, or by default the file's, without its ending.

    Raises:
        UserError: it is no name.
    """
    chosen = file.stem.lower() if name is None else name
    if not _NAME.fullmatch(chosen):
        expected = "lower case letters, digits, '-', '+' and '.', such as --as my-faces"
        raise UserError(f"'{chosen}' is no name for weights: expected {expected}")
    return chosen


def bring(file: Path, name: str) -> None:
    """Convert a checkpoint into the weights folder; one that had the name before is dropped.

    Raises:
        UserError: it cannot be read, or is no checkpoint that is known.
    """
    from p2lbench.generators.stylegan2.checkpoint import convert

    if not file.is_file():
        raise UserError(f"{name}: no file {file}")
    try:
        content, source = convert(file), files.sha256_of(file)
        own = {"file": f"{name}-{source[:8]}.safetensors", "source": file.name}
        with files.replacing(files.folder() / own["file"]) as out:
            out.write(content)
        own |= {"sha256": files.sha256_of(files.folder() / own["file"]), "source_sha256": source}
        known = records()
        files.write(_OWN, {**{n: vars(record) for n, record in known.items()}, name: own})
    except OSError as error:
        raise UserError(f"{name}: cannot convert {file} into {files.folder()}: {error}") from error
    old = known.get(name)
    if old is not None and old.file != own["file"]:
        old.path.unlink(missing_ok=True)
