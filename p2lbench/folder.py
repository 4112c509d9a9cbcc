"""A results folder on the disk: is it one, files that appear whole, errors explained."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import p2lbench
from p2lbench import record_json
from p2lbench.errors import StoreError

SCHEMA_VERSION = 2
DATABASE = "results.db"
KINDS = {"latents": ".safetensors", "images": ".png"}
TARGETS = "targets"
_TEMPORARY = ".tmp"
_BUSY_SECONDS = 30.0
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL)
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE plan (
    position INTEGER PRIMARY KEY, generator TEXT NOT NULL, loss TEXT NOT NULL,
    transform TEXT NOT NULL, init TEXT NOT NULL, optimizer TEXT NOT NULL,
    image TEXT NOT NULL, repeat INTEGER NOT NULL, cell TEXT NOT NULL
);
CREATE TABLE images (position INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, told TEXT NOT NULL);
-- What ids are the SHA-256 of: of cells, and of the methods that these name.
CREATE TABLE identities (id TEXT PRIMARY KEY, content TEXT NOT NULL);
CREATE TABLE records (
    cell TEXT PRIMARY KEY, status TEXT NOT NULL, body TEXT NOT NULL, trace TEXT NOT NULL,
    latents TEXT NOT NULL, images TEXT NOT NULL  -- SHA-256 of the files, '' for none
);
"""


def folder_of(results: Path, suite_name: str) -> Path:
    """A suite's own folder, `results / suite_name`.

    Raises: StoreError if the name cannot be a single folder's name.
    """
    usable = re.fullmatch(r"[^\x00-\x1f\x7f/\\]+", suite_name)
    if not usable or len(_bytes(suite_name)) > 200 or suite_name.startswith("."):
        raise StoreError(
            f"the suite's name {suite_name[:80]!r} cannot be a folder's name: expected 1 to 200 "
            "characters, no '/' or '\\', no control characters, no '.' in front"
        )
    return Path(results) / suite_name


def inspect(folder: Path) -> bool:
    """Is there a results database? False where one may be made. Raises: StoreError; OSError."""
    if not os.path.lexists(folder):
        return False
    if not folder.is_dir():
        raise StoreError(f"{folder}: this is a file. Expected a results folder, or none yet")
    database = folder / DATABASE
    if database.is_dir():
        raise _not_ours(folder, f"{DATABASE} is a folder in it")
    if database.exists():
        return True
    others = sorted(name for name in os.listdir(folder) if not _leftover(folder / name))
    if others:
        raise _not_ours(
            folder, f"no {DATABASE}, but other files: {others[0]!r} among {len(others)}"
        )
    return False


def make(folder: Path, made: list[Path]) -> None:
    """Make the folder and its parents; `made` gets those that were not there."""
    if not folder.parent.exists():
        make(folder.parent, made)
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        made.append(folder)


def remove_made(made: list[Path]) -> None:
    """Remove folders that `make` made, as far as they are still empty."""
    for path in reversed(made):
        with contextlib.suppress(OSError):
            path.rmdir()


def remove_new(folder: Path, before: set[str]) -> None:
    """Remove what came into the folder since it held just `before`."""
    for name in set(os.listdir(folder)) - before:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def open_database(folder: Path, suite_name: str, exists: bool) -> sqlite3.Connection:
    """Open for writing, made first if it is not there; the lock must be held."""
    _need_locks(folder)
    for kind in (*KINDS, TARGETS):
        (folder / kind).mkdir(exist_ok=True)
        for leftover in (folder / kind).glob(f"*{_TEMPORARY}"):
            leftover.unlink()
    if not exists:
        _create_database(folder, suite_name)
    database = connect(folder)
    try:
        meta = check(folder, database)
        if meta.get("suite") != record_json.dump(suite_name):
            raise StoreError(
                f"{folder}: holds the results of another suite, {meta.get('suite')}, not of "
                f"{suite_name!r}. Give this run a folder of its own with --results"
            )
        _check_whole(folder, database)
    except BaseException:
        database.close()
        raise
    return database


def connect(folder: Path) -> sqlite3.Connection:
    """Open the database that is there. Readers too ask for rw: a crashed run's journal is theirs
    to roll back; SQLite falls back to reading where writing is not allowed."""
    database = sqlite3.connect(
        (folder / DATABASE).as_uri() + "?mode=rw",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=_BUSY_SECONDS,
    )
    database.execute("PRAGMA synchronous = FULL")
    return database


def check(folder: Path, database: sqlite3.Connection) -> dict[str, str]:
    """The database's meta data. Raises: StoreError if it is not of this version, or not ours."""
    if (folder / DATABASE).stat().st_size == 0:
        raise damaged(folder, f"{DATABASE} is empty")
    try:
        meta = dict(database.execute("SELECT key, value FROM meta"))
    except sqlite3.OperationalError as error:
        if "no such" in str(error):
            raise _not_ours(folder, f"{DATABASE} is another program's database") from error
        raise
    if meta.get("schema") != str(SCHEMA_VERSION):
        raise StoreError(
            f"{folder}: written by p2lbench {meta.get('p2lbench', '(unknown)')}, in version "
            f"{meta.get('schema', '(unknown)')} of the results' format; this is p2lbench "
            f"{p2lbench.__version__}, which reads version {SCHEMA_VERSION}. Use that p2lbench, or "
            "give this run another folder with --results"
        )
    return meta


def distrust(folder: Path, database: sqlite3.Connection, longest: int) -> None:
    """Limits a stranger's database to plain tables, whole, with texts of so many bytes.

    Raises: StoreError; sqlite3.Error.
    """
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, longest)
    database.execute("PRAGMA trusted_schema = OFF")
    made = database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    ours = sqlite3.connect(":memory:")
    try:
        ours.executescript(_SCHEMA)
        expected = ours.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    finally:
        ours.close()
    if made and not set(made) <= set(expected):
        raise StoreError(
            f"{folder}: the tables in {DATABASE} are not those of a results folder that p2lbench "
            f"{p2lbench.__version__} writes. Expected one in version {SCHEMA_VERSION} of the format"
        )
    _check_whole(folder, database)


def _check_whole(folder: Path, database: sqlite3.Connection) -> None:
    found = database.execute("PRAGMA quick_check(1)").fetchone()
    if found != ("ok",):
        raise damaged(folder, str(found))


def stage(path: Path, data: bytes) -> None:
    """Write a file beside its final name, and sync it."""
    if not data:
        return
    beside = _beside(path)
    try:
        with open(beside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def settle(path: Path, staged: bool) -> None:
    """Give a staged file its name (or, if none was staged, remove the old one); sync the folder."""
    if staged:
        os.replace(_beside(path), path)
    elif path.exists():
        path.unlink()
    else:
        return
    _sync_folder(path.parent)


@contextlib.contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turns what the disk or SQLite raises into a StoreError that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explain_sqlite(folder, error) from error
    except OSError as error:
        raise _explain_os(folder, error) from error


def damaged(folder: Path, how: str) -> StoreError:
    """A results folder that was ours and is broken."""
    return StoreError(
        f"{folder}: the results are damaged ({how}). Nothing was changed. Restore {DATABASE} from "
        "a copy, or move the folder away and run the suite again"
    )


def _leftover(path: Path) -> bool:
    """Is it what a run leaves that died while it made the folder?"""
    if path.name in (*KINDS, TARGETS):
        return path.is_dir() and not os.listdir(path)
    # NFS keeps what is removed while somebody reads it, as .nfs… for a while.
    return path.name == "lock" or path.name.startswith(("lock.", f"{DATABASE}.", ".nfs"))


def _create_database(folder: Path, suite_name: str) -> None:
    """Under a temporary name first: a results.db that exists is whole."""
    path = folder / f"{DATABASE}{_TEMPORARY}"
    for leftover in (path, path.with_name(f"{path.name}-journal")):
        leftover.unlink(missing_ok=True)
    database = sqlite3.connect(path, isolation_level=None)
    try:
        database.execute("PRAGMA synchronous = FULL")
        database.executescript(_SCHEMA)
        meta = {"schema": SCHEMA_VERSION, "suite": suite_name}
        rows = [(key, record_json.dump(value)) for key, value in meta.items()]
        rows.append(("p2lbench", p2lbench.__version__))
        database.executemany("INSERT INTO meta VALUES (?, ?)", rows)
    finally:
        database.close()
    os.replace(path, folder / DATABASE)
    _sync_folder(folder)
    _sync_folder(folder.parent)


def _need_locks(folder: Path) -> None:
    """SQLite needs POSIX locks, and takes their absence for a busy or a broken database."""
    with contextlib.suppress(ImportError):  # elsewhere than on POSIX there are others
        import fcntl

        with open(folder / "lock", "rb+") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno in _NO_LOCKS:
                    raise StoreError(
                        f"{folder}: this file system has no file locks ({error.strerror}), without "
                        "which two programs could spoil the results. Mount it with locks (NFS: "
                        "version 4, or 3 with lockd), or give a folder elsewhere with --results"
                    ) from error


def _explain_sqlite(folder: Path, error: sqlite3.Error) -> StoreError:
    text = str(error)
    if "full" in text:
        return _full(folder)
    if "readonly" in text or "unable to open" in text:
        return _read_only(folder, text)
    if "locked" in text:
        return StoreError(
            f"{folder}: another program holds {DATABASE} for more than {_BUSY_SECONDS:.0f} s. "
            "Close it and run again"
        )
    return damaged(folder, text)


def _explain_os(folder: Path, error: OSError) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full(folder)
    if error.errno == errno.ENOTDIR:
        return StoreError(
            f"{folder}: part of this path is a file; expected folders. Give another with --results"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return _read_only(folder, error.strerror or "")
    return StoreError(f"{folder}: {error.strerror or error} ({error.filename or folder})")


def _full(folder: Path) -> StoreError:
    return StoreError(
        f"{folder}: the disk is full. What was committed is safe; make room and run again: it "
        "goes on where this run stopped"
    )


def _read_only(folder: Path, why: str) -> StoreError:
    return StoreError(
        f"{folder}: may not be written or opened ({why}). Expected a folder you may write to: "
        "change its permissions, or give another with --results"
    )


def _not_ours(folder: Path, why: str) -> StoreError:
    return StoreError(
        f"{folder}: not a results folder ({why}). Nothing was changed. Give a suite's results "
        "folder; to write to, an empty or a new one"
    )


def _beside(path: Path) -> Path:
    return path.with_name(path.name + _TEMPORARY)


def _sync_folder(folder: Path) -> None:
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # Windows cannot open folders
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")
