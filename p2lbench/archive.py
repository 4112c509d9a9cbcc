"""A results folder as one file: a ZIP with a manifest of sizes and SHA-256, and back.

What an archive holds is the database as SQLite's backup copies it, and the files of its records.
What is read from one is held to the names, sizes and hashes that a results folder can have.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import sqlite3
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import p2lbench
from p2lbench import folder as disk
from p2lbench.errors import StoreError, UserError
from p2lbench.store import Store, folder_of

FORMAT, VERSION = "p2lbench results", 1
MANIFEST = "manifest.json"
OPTIONAL = (
    "suite.yaml",
    "environment.json",
    "tuning.json",
    "leaderboard.csv",
    "leaderboard.md",
    "grid.png",
    "curves.png",
)
_NAMES = (
    *map(re.escape, (disk.DATABASE, *OPTIONAL)),
    r"latents/[0-9a-f]{1,64}\.safetensors",
    r"images/[0-9a-f]{1,64}\.png",
    rf"{disk.TARGETS}/[0-9a-f]{{64}}\.(png|safetensors)",
)
_NAME = re.compile("|".join(_NAMES))
MAX_MANIFEST = 1 << 28
MAX_RATIO = 100  # unpacked to packed: points hardly shrink, and tables by a factor of ten
_SLACK = 1 << 24  # bytes that a small archive may unpack to, whatever its own size
_CHUNK = 1 << 20
_ATTEMPTS = 3


@dataclass(frozen=True)
class Imported:
    """A folder that came out of an archive."""

    suite: str
    folder: Path
    files: int
    bytes: int


def write(folder: Path, path: Path) -> int:
    """Write a results folder's archive; a run may go on meanwhile. Returns the number of files.

    Raises:
        UserError: the path is taken, or cannot be written.
        StoreError: the folder cannot be read, or its files are not those of its records.
    """
    if os.path.lexists(path):
        raise UserError(f"{path}: this exists. Give another name with -o, or remove it")
    if not path.absolute().parent.is_dir():
        raise UserError(f"{path}: there is no folder {path.parent}; make it first")
    with Store.open_read(folder) as store, tempfile.TemporaryDirectory() as temporary:
        for attempt in range(_ATTEMPTS):
            try:
                return _written(store, Path(temporary), path)
            except StoreError:
                # A run may have replaced a record since the database was copied.
                if attempt == _ATTEMPTS - 1:
                    raise
    raise StoreError(f"{folder}: cannot be archived")


def read(file: Path, results: Path) -> Imported:
    """Unpack an archive into a new folder below `results`, whole or not at all.

    Raises:
        UserError: it is no archive of a results folder, or its folder exists.
        StoreError: the folder cannot be written, or its database is not one.
    """
    results, made = results.absolute(), list[Path]()
    if not file.is_file():
        what = "this is a folder; expected an archive" if file.is_dir() else "no such file"
        raise UserError(f"{file}: {what}")
    with disk.explained(results), contextlib.ExitStack() as undo:
        undo.callback(disk.remove_made, made)
        disk.make(results, made)
        beside = Path(tempfile.mkdtemp(prefix=".importing-", dir=results))
        undo.callback(shutil.rmtree, beside, ignore_errors=True)
        manifest, size = _unpacked(file, beside)
        suite = _suite(beside, manifest, file)
        folder = folder_of(results, suite)
        if os.path.lexists(folder):
            raise UserError(f"{folder}: this exists, and is not overwritten. Use --results DIR")
        beside.chmod(0o755)
        beside.rename(folder)
        undo.pop_all()
    return Imported(suite, folder, len(manifest["files"]), size)


def _written(store: Store, temporary: Path, path: Path) -> int:
    copy = temporary / disk.DATABASE
    with disk.explained(store.folder):
        with (
            closing(disk.connect(store.folder)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
        with closing(sqlite3.connect(copy)) as database:
            suite = json.loads(dict(database.execute("SELECT key, value FROM meta"))["suite"])
            wanted = dict(_wanted(database))
    files = {disk.DATABASE: copy}
    files |= {name: store.folder / name for name in wanted}
    files |= {name: p for name in OPTIONAL if (p := store.folder / name).is_file()}
    return _zipped(files, wanted, suite, path)


def _wanted(database: sqlite3.Connection) -> Iterator[tuple[str, str | None]]:
    """The files that a database tells of, with their SHA-256 where it has it."""
    for cell, latents, images in database.execute("SELECT cell, latents, images FROM records"):
        for kind, digest in (("latents", latents), ("images", images)):
            if digest:
                yield f"{kind}/{cell}{disk.KINDS[kind]}", digest
    for (told,) in database.execute("SELECT told FROM images"):
        plain = json.loads(told)
        yield f"{disk.TARGETS}/{plain['digest']}.png", None
        if plain["mask_digest"] is not None:
            yield f"{disk.TARGETS}/{plain['mask_digest']}.safetensors", None


def _zipped(files: dict[str, Path], wanted: dict[str, str | None], suite: str, path: Path) -> int:
    hashes: dict[str, dict[str, Any]] = {}
    for name in sorted(files):
        try:
            with files[name].open("rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
        except OSError as error:
            raise StoreError(f"{files[name]}: {error.strerror}; it cannot be archived") from error
        if wanted.get(name) not in (None, digest):
            raise StoreError(f"{files[name]}: differs from what the run stored")
        hashes[name] = {"size": files[name].stat().st_size, "sha256": digest}
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "p2lbench": p2lbench.__version__,
        "schema": disk.SCHEMA_VERSION,
        "suite": suite,
        "files": hashes,
    }
    beside = path.with_name(f".{path.name}.tmp")
    try:
        with disk.explained(path.parent), zipfile.ZipFile(beside, "w") as archive:
            archive.writestr(_info(MANIFEST), json.dumps(manifest, indent=1))
            for name in sorted(files):
                with files[name].open("rb") as content, archive.open(_info(name), "w") as packed:
                    shutil.copyfileobj(content, packed, _CHUNK)
        _check_written(beside, hashes)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return len(files)


def _check_written(path: Path, hashes: dict[str, dict[str, Any]]) -> None:
    """A file that changed while it was packed is not the one of the manifest."""
    with zipfile.ZipFile(path) as archive:
        for name, told in hashes.items():
            with archive.open(name) as content:
                if hashlib.file_digest(content, "sha256").hexdigest() != told["sha256"]:  # type: ignore[arg-type]
                    raise StoreError(f"{name} changed while it was archived; try again")


def _info(name: str) -> zipfile.ZipInfo:
    """The same for the same content, whenever and wherever it is written."""
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    # A mask can shrink a thousandfold, and then looks like a bomb to who unpacks it.
    mask = name.startswith(f"{disk.TARGETS}/") and name.endswith(".safetensors")
    info.compress_type = zipfile.ZIP_STORED if mask else zipfile.ZIP_DEFLATED
    info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16
    return info


def _unpacked(file: Path, beside: Path) -> tuple[dict[str, Any], int]:
    """The manifest and the bytes of an archive whose files are all in `beside`."""
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = _manifest(archive, file)
            size = _check_sizes(manifest, file, beside)
            for name, told in manifest["files"].items():
                _unpack(archive, name, told, beside / name, file)
            return manifest, size
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise UserError(f"{file}: not an archive of results, or a damaged one ({error})") from error


def _manifest(archive: zipfile.ZipFile, file: Path) -> dict[str, Any]:
    """What the archive says that it holds, which must be what it holds."""
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if MANIFEST not in names:
        raise UserError(f"{file}: not an archive of results: there is no {MANIFEST} in it")
    for entry in entries:
        _check_entry(entry, file)
    if len(set(names)) < len(names):
        raise UserError(f"{file}: a name comes twice in it; not unpacked")
    if archive.getinfo(MANIFEST).file_size > MAX_MANIFEST:
        raise UserError(f"{file}: its {MANIFEST} is too large; not unpacked")
    with archive.open(MANIFEST) as content:
        manifest = _read_manifest(content.read(MAX_MANIFEST), file)
    if {*manifest["files"], MANIFEST} != {*names}:
        raise UserError(f"{file}: its files are not those of its {MANIFEST}; not unpacked")
    for name, told in manifest["files"].items():
        if archive.getinfo(name).file_size != told["size"]:
            raise UserError(f"{file}: {name} is not of the size that {MANIFEST} says")
    return manifest


def _check_entry(entry: zipfile.ZipInfo, file: Path) -> None:
    """Raises: UserError unless it is a plain file of a results folder."""
    kind = stat.S_IFMT(entry.external_attr >> 16)
    known = entry.filename == MANIFEST or _NAME.fullmatch(entry.filename)
    if not known or entry.filename != entry.orig_filename:
        shown = ascii(entry.orig_filename)[:80]
        raise UserError(f"{file}: {shown} is no file of a results folder; not unpacked")
    packed = entry.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    if kind not in (0, stat.S_IFREG) or entry.flag_bits & 1 or not packed:
        raise UserError(
            f"{file}: {entry.filename} is a link, encrypted or packed otherwise; not unpacked"
        )


def _read_manifest(content: bytes, file: Path) -> dict[str, Any]:
    try:
        plain = json.loads(content)
        found = (plain["format"], plain["version"], plain["schema"])
        right = found == (FORMAT, VERSION, disk.SCHEMA_VERSION)
        whole = isinstance(plain["suite"], str) and all(
            type(told["size"]) is int and told["size"] >= 0 and isinstance(told["sha256"], str)
            for told in plain["files"].values()
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{file}: its {MANIFEST} cannot be read ({error!r})") from error
    if not right or not whole or disk.DATABASE not in plain["files"]:
        raise UserError(
            f"{file}: written in format {found}; expected {FORMAT, VERSION, disk.SCHEMA_VERSION}, "
            f"with {disk.DATABASE}. It was written by p2lbench {plain.get('p2lbench')}"
        )
    return dict(plain)


def _check_sizes(manifest: dict[str, Any], file: Path, beside: Path) -> int:
    """The bytes that an archive unpacks to. Raises: UserError if it is made to fill the disk."""
    size: int = sum(told["size"] for told in manifest["files"].values())
    most = MAX_RATIO * file.stat().st_size + _SLACK
    if size > most:
        raise UserError(f"{file}: unpacks to {size:,} bytes, more than results can; not unpacked")
    if size > (free := shutil.disk_usage(beside).free):
        raise UserError(f"{file}: needs {size:,} bytes; {free:,} are free below {beside.parent}")
    return size


def _unpack(
    archive: zipfile.ZipFile, name: str, told: dict[str, Any], path: Path, file: Path
) -> None:
    digest, left = hashlib.sha256(), told["size"]
    path.parent.mkdir(exist_ok=True)
    with archive.open(name) as packed, path.open("xb") as unpacked:
        while chunk := packed.read(min(_CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                break
            digest.update(chunk)
            unpacked.write(chunk)
        unpacked.flush()
        os.fsync(unpacked.fileno())
    if left or digest.hexdigest() != told["sha256"]:
        raise UserError(f"{file}: {name} is not what {MANIFEST} says; not unpacked")


def _suite(beside: Path, manifest: dict[str, Any], file: Path) -> str:
    """The name of the suite whose folder was unpacked, its database held to its files."""
    with disk.explained(file), closing(disk.connect(beside)) as database:
        database.execute("PRAGMA trusted_schema = OFF")
        database.execute("PRAGMA query_only = ON")
        more = "SELECT count(*) FROM sqlite_master WHERE type NOT IN ('table', 'index')"
        if database.execute(more).fetchone() != (0,):
            raise StoreError(f"{file}: its database has triggers or views; not unpacked")
        if database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise StoreError(f"{file}: its database is damaged; not unpacked")
        meta = disk.check(beside, database)
        try:
            suite, wanted = json.loads(meta["suite"]), dict(_wanted(database))
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{file}: its database cannot be read ({error!r})") from error
    if suite != manifest["suite"]:
        raise UserError(f"{file}: its database is of another suite than its {MANIFEST} says")
    for name, digest in wanted.items():
        told = manifest["files"].get(name)
        if told is None or digest not in (None, told["sha256"]):
            raise UserError(f"{file}: {name[:90]} is missing, or not that of its record")
    return str(suite)
