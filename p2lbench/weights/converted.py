"""Checkpoints that are converted once: those that users bring, and those of the catalogue."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from p2lbench.errors import UserError
from p2lbench.weights import files
from p2lbench.weights.catalogue import Weights
from p2lbench.weights.kinds import KINDS, recognised

_RECORDS = "converted.json"
_FIRST = "pinned.json"  # of downloads whose hash nobody publishes: that of the first one
_NAME = re.compile(r"[a-z0-9][a-z0-9.+-]{0,79}")
OWN, ADDED, RECORDED, PUBLISHED = "own", "added", "recorded", "published"


@dataclass(frozen=True)
class Converted:
    """A converted file of the weights folder, its hash, and what it was made from.

    `source_sha256` stands for it in the ids of cells: conversions on two machines may differ in
    the last digit of the prior that is estimated. `kind`: of `KINDS`. `origin`: `own`, under a
    name that the user chose; `added`, a file of the user's under a name of the catalogue;
    `published`, the catalogue's file; `recorded`, that which was downloaded first, where no hash
    of it is published.
    """

    file: str
    sha256: str
    source: str
    source_sha256: str
    kind: str
    origin: str

    @property
    def path(self) -> Path:
        """Where it is."""
        return files.folder() / self.file

    @property
    def described(self) -> str:
        """What it is, for a reader."""
        return f"{KINDS[self.kind].title}, converted from {self.source}"

    def check(self, name: str) -> None:
        """Raises UserError: the file is gone, or not what it was; how to get it again."""
        again = {
            OWN: f"p2lbench weights add {self.source} --as {name}",
            ADDED: f"p2lbench weights add {name} {self.source}",
        }.get(self.origin, f"p2lbench weights fetch {name}")
        if not self.path.is_file():
            raise UserError(f"{name}: the converted file {self.path} is gone; {again}")
        if files.known_hash(self.path) != self.sha256:
            raise UserError(f"{name}: {self.path} is not what it was; {again}")


def records() -> dict[str, Converted]:
    """All of them by name.

    Raises:
        UserError: the list of them is damaged.
    """
    try:
        found = {name: Converted(**record) for name, record in files.records(_RECORDS).items()}
        if unknown := {record.kind for record in found.values()} - set(KINDS):
            raise TypeError(f"no kind {min(unknown)}")
        return found
    except TypeError as error:
        message = f"{files.folder() / _RECORDS} is damaged; delete it and add anew"
        raise UserError(message) from error


def name_for(source: Path, name: str | None) -> str:
    """The name, or by default the file's, without its ending, or the folder's.

    Raises:
        UserError: it is no name.
    """
    own = source.name if source.is_dir() else source.stem
    chosen = own.lower() if name is None else name
    if not _NAME.fullmatch(chosen):
        expected = "lower case letters, digits, '-', '+' and '.', such as --as my-faces"
        raise UserError(f"'{chosen}' is no name for weights: expected {expected}")
    return chosen


def bring(source: Path, name: str) -> None:
    """Convert a checkpoint of any kind; one that had the name before is dropped.

    Raises:
        UserError: it cannot be read, or is no checkpoint that is known.
    """
    _keep(source, name, None, OWN)


def add(source: Path, entry: Weights) -> None:
    """Convert a file of the user's, to use it in place of the catalogue's.

    Raises:
        UserError: it cannot be read, or is no checkpoint of the entry's kind.
    """
    _keep(source, entry.name, entry.kind, _origin(entry, source) or ADDED)


def keep(source: Path, entry: Weights) -> None:
    """Convert what was downloaded, and record its hash if none is known of it yet.

    Raises:
        UserError: it is not the file that it should be, or no checkpoint of the entry's kind.
    """
    for part in KINDS[entry.kind].parts(source)[1:]:
        message = f"{part} would decide what {source.name} is; move it elsewhere"
        raise UserError(f"{entry.name}: {message}")
    sha256, first = files.sha256_of(source), files.records(_FIRST)
    expected = entry.sha256 or first.get(entry.name, {}).get("sha256", "")
    if not sha256.startswith(expected):
        published = "is published" if entry.sha256 else "was recorded at the first download"
        accept = "" if entry.sha256 else f". To accept another, delete {files.folder() / _FIRST}"
        raise UserError(
            f"{entry.name}: {source.name} has sha256 {sha256}, but {expected} {published}; "
            f"it was not used{accept}"
        )
    _keep(source, entry.name, entry.kind, PUBLISHED if entry.sha256 else RECORDED)
    if not expected:
        files.write(_FIRST, {**first, entry.name: {"sha256": sha256, "file": source.name}})


def is_here(entry: Weights) -> bool:
    """Whether the catalogue's file was converted, and is what it was then."""
    record = records().get(entry.name)
    if record is None or record.origin not in (RECORDED, PUBLISHED):
        return False
    return record.path.is_file() and files.known_hash(record.path) == record.sha256


def _origin(entry: Weights, source: Path) -> str | None:
    """Whether a file that the user has is the catalogue's, or what was downloaded before."""
    if not source.is_file() or len(KINDS[entry.kind].parts(source)) > 1:
        return None
    sha256 = files.sha256_of(source)
    if entry.sha256:
        return PUBLISHED if sha256.startswith(entry.sha256) else None
    first = files.records(_FIRST).get(entry.name, {})
    return RECORDED if sha256 == first.get("sha256") else None


def _keep(source: Path, name: str, kind: str | None, origin: str) -> None:
    if not source.exists():
        raise UserError(f"{name}: no file {source}")
    try:
        found, content = recognised(source, kind)
        sha256 = KINDS[found].sha256(source)
        file = f"{name}-{sha256[:8]}.safetensors"
        with files.replacing(files.folder() / file) as out:
            out.write(content)
        own = files.sha256_of(files.folder() / file)
        record = Converted(file, own, source.resolve().name, sha256, found, origin)
        known = records()
        files.write(_RECORDS, {n: vars(r) for n, r in {**known, name: record}.items()})
    except OSError as error:
        into = files.folder()
        raise UserError(f"{name}: cannot convert {source} into {into}: {error}") from error
    old = known.get(name)
    if old is not None and old.file != file:
        old.path.unlink(missing_ok=True)
