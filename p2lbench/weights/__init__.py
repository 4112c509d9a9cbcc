"""Weights: what can be downloaded, where it is, and whether it is the real thing.

A file is looked for in the weights folder (`P2LBENCH_WEIGHTS`, else the platform's cache) and in
torch hub's cache. Its SHA-256 is compared with the published one. A user may deliberately `add`
another file under a name; it is used, and never called the published one. `bring` is for
checkpoints that the catalogue does not have.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2lbench import zoo
from p2lbench.errors import UserError
from p2lbench.hookspecs import RegisterWeights, hookimpl
from p2lbench.weights import catalogue, files, own
from p2lbench.weights.catalogue import CATALOGUE, EMBEDDED, Weights
from p2lbench.weights.download import download, unpack
from p2lbench.weights.files import FOLDER_VARIABLE, folder

__all__ = [
    "FOLDER_VARIABLE",
    "Located",
    "Row",
    "Weights",
    "WeightsMissing",
    "add",
    "bring",
    "fetch",
    "folder",
    "listing",
    "locate",
    "verify",
]

_ADDED = "added.json"
_PACKAGE = "p2lbench"


@hookimpl
def register_weights(register: RegisterWeights) -> None:
    """The networks below LPIPS, and the detector of objects."""
    for entry in CATALOGUE.values():
        register(entry)


@dataclass(frozen=True)
class Located:
    """A file on this machine that may be used under a name.

    `source`: the file that it was converted from, whose hash `sha256` then is.
    """

    name: str
    path: Path
    sha256: str
    published: bool
    source: str | None = None

    @property
    def described(self) -> str:
        """File and hash, for a protocol."""
        kind = "published" if self.published else "not the published file"
        return f"{self.path.name} ({kind}, sha256 {self.sha256[:12]})"

    @property
    def note(self) -> str | None:
        """What a reader of the numbers must know, or None."""
        if self.published:
            return None
        if self.source is not None:
            return f"{self.name}: converted from {self.source} (sha256 {self.sha256})"
        return f"{self.name}: weights are not the published file (sha256 {self.sha256})"


@dataclass(frozen=True)
class Row:
    """A line of `p2lbench weights list`.

    `origin`: `package`, `download` or `added`. `plugin`: who put it into the catalogue.
    Empty for what the user brought.
    `verified`: the file has the published hash; None if there is no file. `problem`: why a file
    that is there cannot be used.
    """

    name: str
    origin: str
    plugin: str
    present: bool
    verified: bool | None
    path: str | None
    size: int
    sha256: str | None
    url: str | None
    licence: str
    purpose: str
    problem: str | None = None


class WeightsMissing(UserError):
    """Weights that are not on this machine; the message says how to get them."""


def locate(name: str) -> Located:
    """The file to use for a name, its hash checked.

    A hash is computed when a file is first seen and again when its size or time changed.

    Raises:
        WeightsMissing: there is no file.
        UserError: the name is unknown, or the file is neither the published one nor the one that
            was added.
    """
    if located := _embedded(name) or _own(name):
        return located
    entry = catalogue.entry(name)
    if record := _added().get(name):
        return _locate_added(name, record)
    places = _places(entry)
    for path in places:
        if path.is_file():
            return _check(name, path, entry.sha256, published=True)
    raise WeightsMissing(
        f"{name}: weights not found; p2lbench weights fetch {name}\n  looked for {places[0]} and "
        f"{places[1]}; by hand: put {entry.source} ({entry.megabytes}) there"
    )


def fetch(name: str, progress: Any = False) -> Located:
    """Download the published file, unless it is here. From then on it is used, whatever was added.

    A web download that was interrupted is continued. The file gets its name only once its hash is
    right.

    Args:
        progress: True for a bar on stderr, or an object as pooch takes it (`total`, `update`,
            `reset`, `close`). A wheel is brought by pip, which reports nothing.

    Raises:
        UserError: the name is unknown, the download failed, or what came is not the file.
    """
    if embedded := _embedded(name):
        return embedded
    entry = catalogue.entry(name)
    here = next((path for path in _places(entry) if path.is_file()), None)
    if here is None or not files.known_hash(here).startswith(entry.sha256):
        download(entry, folder() / entry.filename, progress)
    _forget(name)
    return locate(name)


def add(name: str, file: Path | str) -> Located:
    """Copy a file that the user has into the weights folder and use it under a name.

    The published file is recognised by its hash, and so is the published wheel, whose member is
    taken. Any other file is used because the user asked for it: its hash is recorded, and
    `Located.published` stays False.

    Raises:
        UserError: the name is unknown or embedded, or there is no such file.
    """
    if _embedded(name):
        raise UserError(f"{name}: these weights come with the package and cannot be replaced")
    entry, source = catalogue.entry(name), Path(file)
    if not source.is_file():
        raise UserError(f"{name}: no file {source}")
    sha256 = files.sha256_of(source)
    wheel = sha256 == entry.wheel_sha256
    published = wheel or sha256.startswith(entry.sha256)
    target = folder() / (entry.filename if published else f"{name}-{sha256[:8]}{source.suffix}")
    try:
        if wheel:
            unpack(entry, source, target)
        elif source.resolve() != target.resolve():
            with files.replacing(target) as out, source.open("rb") as data:
                shutil.copyfileobj(data, out)
        _forget(name, keep=target)
        if not published:
            files.write(_ADDED, {**_added(), name: {"file": target.name, "sha256": sha256}})
    except OSError as error:
        raise UserError(f"{name}: cannot copy {source} to {target}: {error}") from error
    return locate(name)


def bring(file: Path | str, name: str | None = None) -> Located:
    """Convert a checkpoint of the user's, StyleGAN2's, once, and use it under a name of theirs.

    Nothing in the file is executed.

    Args:
        name: by default the file's, without its ending.

    Raises:
        UserError: the name is the catalogue's or no name, or the file is no such checkpoint.
    """
    source = Path(file)
    chosen = own.name_for(source, name)
    if catalogue.known(chosen):
        raise UserError(
            f"'{chosen}' is a name of the catalogue: give another one (--as NAME), or replace its "
            f"file (p2lbench weights add {chosen} {source})"
        )
    own.bring(source, chosen)
    return locate(chosen)


def listing() -> list[Row]:
    """All weights: those that come with the package, of the built-ins, of plugins, of the user."""
    entries = (*EMBEDDED.values(), *catalogue.CATALOGUE.values())
    plugged = catalogue.plugged().values()
    brought = (_unpublished(name, record) for name, record in own.records().items())
    return [
        *(_row(entry, _PACKAGE) for entry in entries),
        *(_row(entry, plugin) for entry, plugin in plugged),
        *(_row(entry, "") for entry in brought),
    ]


def verify() -> list[Row]:
    """As `listing`, with every file read and hashed again, whatever its size and time say."""
    (folder() / files.HASHES).unlink(missing_ok=True)
    return listing()


def _row(entry: Weights, plugin: str) -> Row:
    located, problem = None, None
    try:
        located = locate(entry.name)
    except WeightsMissing:
        pass
    except UserError as error:
        problem = str(error)
    return Row(
        name=entry.name,
        origin=_origin(entry.name),
        plugin=plugin,
        present=located is not None,
        verified=located.published if located else (None if problem is None else False),
        path=str(located.path) if located else None,
        size=located.path.stat().st_size if located else entry.size,
        sha256=located.sha256 if located else None,
        url=entry.url or None,
        licence=entry.licence,
        purpose=entry.purpose,
        problem=problem,
    )


def _unpublished(name: str, record: own.Own) -> Weights:
    purpose = f"StyleGAN2, converted from {record.source}"
    return Weights(name, record.file, "", 0, "", "", purpose)


def _origin(name: str) -> str:
    if name in EMBEDDED:
        return "package"
    return "added" if name in _added() or name in own.records() else "download"


def _own(name: str) -> Located | None:
    """What the user brought under a name, or None."""
    record = own.records().get(name)
    if record is None:
        return None
    own.check(name, record)
    return Located(name, record.path, record.source_sha256, False, record.source)


def _embedded(name: str) -> Located | None:
    """Weights that come with the package, or None for any other name.

    Raises:
        WeightsMissing: the package was built without them.
    """
    if name not in EMBEDDED:
        return None
    path = zoo.weights(name)
    if not path.is_file():
        raise WeightsMissing(f"{name}: {path} should come with the package; reinstall p2lbench")
    return Located(name, path, zoo.sha256(name), published=True)


def _places(entry: Weights) -> list[Path]:
    """Where a file may be: the weights folder, then torch hub's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    hub = Path(os.environ.get("TORCH_HOME") or cache / "torch") / "hub" / "checkpoints"
    return [folder() / entry.filename, hub.expanduser() / entry.filename]


def _check(name: str, path: Path, expected: str, published: bool) -> Located:
    sha256 = files.known_hash(path)
    if not sha256.startswith(expected):
        kind = "the published file" if published else "what was added"
        raise UserError(
            f"{name}: {path} is not {kind} (sha256 {sha256}, expected {expected})\n"
            f"  replace it: p2lbench weights fetch {name}; "
            f"use it all the same: p2lbench weights add {name} {path}"
        )
    return Located(name, path, sha256, published)


def _locate_added(name: str, record: Mapping[str, str]) -> Located:
    path = folder() / record["file"]
    if path.is_file():
        return _check(name, path, record["sha256"], published=False)
    raise WeightsMissing(
        f"{name}: weights not found; the added file {path} is gone; "
        f"p2lbench weights add {name} FILE, or p2lbench weights fetch {name}"
    )


def _forget(name: str, keep: Path | None = None) -> None:
    """Drop what was added under a name, and its copy."""
    added = _added()
    if name in added:
        old = folder() / added.pop(name)["file"]
        files.write(_ADDED, added)
        if old != keep:
            old.unlink(missing_ok=True)


def _added() -> dict[str, dict[str, str]]:
    return files.records(_ADDED)
