"""The catalogue of weights: what can be downloaded, where it is, and whether it is the real thing.

A file is looked for in the weights folder (`P2LBENCH_WEIGHTS`, else the platform's cache) and in
torch hub's cache. Its SHA-256 is compared with the published one. A user may deliberately `add`
another file under a name; it is used, and never called the published one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from p2lbench import zoo
from p2lbench.errors import UserError, did_you_mean

FOLDER_VARIABLE = "P2LBENCH_WEIGHTS"
_ADDED, _HASHES = "added.json", "hashes.json"


@dataclass(frozen=True)
class Weights:
    """One file of the catalogue. `sha256` may be a prefix; `size` is in bytes.

    Those that come with the package have neither a `url` nor a size or hash to compare with.
    """

    name: str
    filename: str
    url: str
    size: int
    sha256: str
    licence: str
    purpose: str

    @property
    def megabytes(self) -> str:
        """The size for a reader."""
        return f"{self.size / 1e6:.0f} MB"


@dataclass(frozen=True)
class Located:
    """A file on this machine that may be used under a name."""

    name: str
    path: Path
    sha256: str
    published: bool

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
        return f"{self.name}: weights are not the published file (sha256 {self.sha256})"


@dataclass(frozen=True)
class Row:
    """A line of `p2lbench weights list`.

    `origin`: `package`, `download` or `added`. `verified`: the file has the published hash; None
    if there is no file. `problem`: why a file that is there cannot be used.
    """

    name: str
    origin: str
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


_URL = "https://download.pytorch.org/models/"


def _trunk(net: str, filename: str, size: int, sha256: str) -> Weights:
    licence = "BSD-3-Clause (torchvision); trained on ImageNet, whose terms may apply"
    purpose = f"trunk of lpips-{net}; its linear weights come with the lpips package"
    return Weights(f"lpips-{net}", filename, _URL + filename, size, sha256, licence, purpose)


_ALEX = "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02"
_VGG = "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0"
_SQUEEZE = "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b"
_TRUNKS = (
    _trunk("alex", "alexnet-owt-7be5be79.pth", 244_408_911, _ALEX),
    _trunk("vgg", "vgg16-397923af.pth", 553_433_881, _VGG),
    _trunk("squeeze", "squeezenet1_1-b8a52dc0.pth", 4_958_839, _SQUEEZE),
)
CATALOGUE = {entry.name: entry for entry in _TRUNKS}


def folder() -> Path:
    """Where downloads go: `P2LBENCH_WEIGHTS`, else `p2lbench/weights` in the platform's cache."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("p2lbench", appauthor=False) / "weights"


def locate(name: str) -> Located:
    """The file to use for a name, its hash checked.

    A hash is computed when a file is first seen and again when its size or time changed.

    Raises:
        WeightsMissing: there is no file.
        UserError: the name is unknown, or the file is neither the published one nor the one that
            was added.
    """
    if embedded := _embedded(name):
        return embedded
    entry = _entry(name)
    if record := _added().get(name):
        return _locate_added(name, record)
    places = _places(entry)
    for path in places:
        if path.is_file():
            return _check(name, path, entry.sha256, published=True)
    raise WeightsMissing(
        f"{name}: weights not found; p2lbench weights fetch {name}\n  looked for {places[0]} and "
        f"{places[1]}; by hand: put {entry.url} ({entry.megabytes}) there"
    )


def fetch(name: str, progress: Any = False) -> Located:
    """Download the published file, unless it is here. From then on it is used, whatever was added.

    An interrupted download is continued. The file gets its name only once its hash is right.

    Args:
        progress: True for a bar on stderr, or an object as pooch takes it (`total`, `update`,
            `reset`, `close`).

    Raises:
        UserError: the name is unknown, the download failed, or what came is not the file.
    """
    if embedded := _embedded(name):
        return embedded
    entry = _entry(name)
    here = next((path for path in _places(entry) if path.is_file()), None)
    if here is None or not _known_hash(here).startswith(entry.sha256):
        _download(entry, folder() / entry.filename, progress)
    _forget(name)
    return locate(name)


def add(name: str, file: Path | str) -> Located:
    """Copy a file that the user has into the weights folder and use it under a name.

    The published file is recognised by its hash. Any other is used because the user asked for it:
    its hash is recorded, and `Located.published` stays False.

    Raises:
        UserError: the name is unknown or embedded, or there is no such file.
    """
    if _embedded(name):
        raise UserError(f"{name}: these weights come with the package and cannot be replaced")
    entry, source = _entry(name), Path(file)
    if not source.is_file():
        raise UserError(f"{name}: no file {source}")
    sha256 = _hash(source)
    published = sha256.startswith(entry.sha256)
    target = folder() / (entry.filename if published else f"{name}-{sha256[:8]}{source.suffix}")
    try:
        if source.resolve() != target.resolve():
            with _replacing(target) as out, source.open("rb") as data:
                shutil.copyfileobj(data, out)
        _forget(name, keep=target)
        if not published:
            _write(_ADDED, {**_added(), name: {"file": target.name, "sha256": sha256}})
    except OSError as error:
        raise UserError(f"{name}: cannot copy {source} to {target}: {error}") from error
    return locate(name)


def listing() -> list[Row]:
    """All weights: those that come with the package, then those that can be downloaded."""
    licence = "MIT (p2lbench); trained on Fashion-MNIST (MIT)"
    embedded = [Weights(name, "", "", 0, "", licence, "embedded model") for name in zoo.NAMES]
    return [_row(entry) for entry in (*embedded, *CATALOGUE.values())]


def verify() -> list[Row]:
    """As `listing`, with every file read and hashed again, whatever its size and time say."""
    (folder() / _HASHES).unlink(missing_ok=True)
    return listing()


def _entry(name: str) -> Weights:
    if name in CATALOGUE:
        return CATALOGUE[name]
    known = [*CATALOGUE, *zoo.NAMES]
    raise UserError(
        f"unknown weights '{name}'.{did_you_mean(name, known)} See: p2lbench weights list"
    )


def _row(entry: Weights) -> Row:
    local = "added" if entry.name in _added() else "download"
    located, problem = None, None
    try:
        located = locate(entry.name)
    except WeightsMissing:
        pass
    except UserError as error:
        problem = str(error)
    return Row(
        name=entry.name,
        origin="package" if entry.name in zoo.NAMES else local,
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


def _embedded(name: str) -> Located | None:
    """Weights that come with the package, or None for any other name.

    Raises:
        WeightsMissing: the package was built without them.
    """
    if name not in zoo.NAMES:
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
    sha256 = _known_hash(path)
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
        _write(_ADDED, added)
        if old != keep:
            old.unlink(missing_ok=True)


def _download(entry: Weights, target: Path, progress: Any) -> None:
    part = target.with_name(target.name + ".part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        if not part.is_file() or part.stat().st_size < entry.size:
            _receive(entry.url, part, progress)
    except OSError as error:  # requests' errors are OSErrors
        raise UserError(
            f"{entry.name}: downloading {entry.filename} ({entry.megabytes}) failed: {error}\n"
            f"  by hand: put {entry.url} into {target.parent}; "
            f"p2lbench weights fetch {entry.name} goes on where it stopped"
        ) from error
    sha256 = _hash(part)
    if not sha256.startswith(entry.sha256):
        part.unlink()
        raise UserError(
            f"{entry.name}: what {entry.url} sent is not the published file (sha256 {sha256}, "
            f"expected {entry.sha256}); it was deleted. Try again, or put the file into "
            f"{target.parent} by hand"
        )
    part.replace(target)


def _receive(url: str, part: Path, progress: Any) -> None:
    """Append to `part` what is missing of it."""
    import pooch

    with part.open("ab") as out:

        def restart(response: Any, *_: Any, **__: Any) -> None:
            if response.status_code == 200:  # the server sends all of it, not the rest
                out.truncate(0)

        headers = {"Accept-Encoding": "identity", "Range": f"bytes={part.stat().st_size}-"}
        downloader = pooch.HTTPDownloader(
            progressbar=progress, chunk_size=1 << 16, headers=headers, hooks={"response": restart}
        )
        downloader(url, out, None)
        os.fsync(out.fileno())


def _known_hash(path: Path) -> str:
    """A file's SHA-256, remembered for as long as its size and time stay the same."""
    stat, hashes = path.stat(), {}
    key = f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns}"
    with suppress(ValueError, OSError):
        hashes = _read(_HASHES)
    if key not in hashes:
        hashes[key] = _hash(path)
        with suppress(OSError):  # a folder that cannot be written costs time, nothing else
            _write(_HASHES, hashes)
    return str(hashes[key])


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(name: str) -> dict[str, Any]:
    """One of the folder's own JSON files.

    Raises:
        ValueError: it is damaged.
    """
    try:
        content = json.loads((folder() / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")
    return content


def _added() -> dict[str, dict[str, str]]:
    try:
        return _read(_ADDED)
    except ValueError as error:
        what = f"{folder() / _ADDED} is damaged ({error})"
        raise UserError(f"{what}; delete it and add your files anew") from error


def _write(name: str, content: Mapping[str, Any]) -> None:
    with _replacing(folder() / name) as out:
        out.write(json.dumps(content, indent=1, sort_keys=True).encode())


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of `path` once it is whole and on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
