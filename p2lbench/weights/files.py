"""The weights folder: where it is, its own records, hashes, and files that appear whole."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from p2lbench.errors import UserError

FOLDER_VARIABLE = "P2LBENCH_WEIGHTS"
HASHES = "hashes.json"


def folder() -> Path:
    """Where downloads go: `P2LBENCH_WEIGHTS`, else `p2lbench/weights` in the platform's cache."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("p2lbench", appauthor=False) / "weights"


def known_hash(path: Path) -> str:
    """A file's SHA-256, remembered for as long as its size and time stay the same."""
    stat, hashes = path.stat(), {}
    key = f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns}"
    with suppress(ValueError, OSError):
        hashes = read(HASHES)
    if key not in hashes:
        hashes[key] = sha256_of(path)
        with suppress(OSError):  # a folder that cannot be written costs time, nothing else
            write(HASHES, hashes)
    return str(hashes[key])


def sha256_of(path: Path) -> str:
    """A file's SHA-256, read from the disk.

    Raises:
        UserError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error}") from error


def forget_hashes() -> None:
    """From now on every file is read again.

    Raises:
        UserError: they cannot be deleted.
    """
    path = folder() / HASHES
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{path} cannot be deleted: {error}") from error


def read(name: str) -> dict[str, Any]:
    """One of the folder's own JSON files; empty if there is none.

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


def records(name: str) -> dict[str, dict[str, str]]:
    """As `read`, for what is kept of files that users brought.

    Raises:
        UserError: it is damaged or cannot be read.
    """
    try:
        content = read(name)
        for record in content.values():
            if not isinstance(record, dict) or not all(isinstance(v, str) for v in record.values()):
                raise ValueError("a record that is none")
        return content
    except OSError as error:
        raise UserError(f"{folder() / name} cannot be read: {error}") from error
    except ValueError as error:
        what = f"{folder() / name} is damaged ({error})"
        raise UserError(f"{what}; delete it and add your files anew") from error


def write(name: str, content: Mapping[str, Any]) -> None:
    """Replace one of the folder's own JSON files."""
    with replacing(folder() / name) as out:
        out.write(json.dumps(content, indent=1, sort_keys=True).encode())


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
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
