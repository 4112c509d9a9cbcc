"""The results folder: SQLite records + safetensors latents + images.

Files go in under a temporary name, are synced, renamed, their folder synced; then the record is
committed. Hence a committed record has its files, whenever the power goes. Names chosen by users
stay inside the database; only checked cell ids become file names.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import sqlite3
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

from p2lbench import folder as disk
from p2lbench import record_json, storedimage
from p2lbench.errors import StoreError
from p2lbench.folder import folder_of
from p2lbench.images import Pixels, Share
from p2lbench.lock import FolderLock
from p2lbench.plan import Image, PlanRow
from p2lbench.record import Record, Status
from p2lbench.spec import hashed
from p2lbench.standings import Standing, plan_rows, standings
from p2lbench.storedimage import StoredImage, mask_bytes, pixel_bytes

__all__ = ["PlanRow", "Standing", "Store", "folder_of"]

_PAGE = 500  # records read at a time: a reader must not hold the database while it works


class Store:
    """A results folder, open for one writer (`create_or_open`) or any reader (`open_read`).

    A context manager; `close` gives the lock back. Its methods may be called from any thread.
    Every method raises StoreError where the folder cannot be used: damaged, full, read-only.
    """

    def __init__(self, folder: Path, database: sqlite3.Connection, lock: FolderLock | None) -> None:
        self.folder = folder
        self._database, self._lock = database, lock
        self._mutex = threading.RLock()

    @classmethod
    def create_or_open(
        cls, folder: Path, suite_name: str, *, warn: Callable[[str], None] | None = None
    ) -> Store:
        """Open a suite's folder (see `folder_of`) for writing; made if it is not there.

        `warn` is told when a dead run's lock is taken over (default: `warnings.warn`).
        Raises: StoreError for anything that is in the way; then nothing was made or changed.
        """
        folder = Path(folder).absolute()
        made: list[Path] = []
        with disk.explained(folder), contextlib.ExitStack() as undo:
            exists = disk.inspect(folder)
            undo.callback(disk.remove_made, made)
            disk.make(folder, made)
            lock = FolderLock(folder / "lock", warn or warnings.warn)
            undo.callback(lock.release)
            lock.acquire()
            undo.callback(disk.remove_new, folder, set(os.listdir(folder)))
            database = disk.open_database(folder, suite_name, exists)
            undo.pop_all()
        return cls(folder, database, lock)

    @classmethod
    def open_read(cls, folder: Path, *, longest: int | None = None) -> Store:
        """Open a results folder to read it; works beside a run, and on read-only media.

        Args:
            longest: bytes of a text, more than which no stranger's database may have; then its
                tables must be plain ones, and whole.

        Raises: StoreError if it is missing, not a results folder, damaged, or of another version.
        """
        folder = Path(folder).absolute()
        with disk.explained(folder):
            if not disk.inspect(folder):
                raise StoreError(
                    f"{folder}: no results here. Expected a suite's results folder (with "
                    f"{disk.DATABASE} in it); 'p2lbench run SUITE' makes one"
                )
            database = disk.connect(folder)
            try:
                if longest is not None:
                    disk.distrust(folder, database, longest)
                disk.check(folder, database)
                database.execute("PRAGMA query_only = ON")
            except BaseException:
                database.close()
                raise
        return cls(folder, database, None)

    def close(self) -> None:
        """Close the database and give the lock back. May be called twice."""
        with self._mutex:
            self._database.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def beat(self) -> None:
        """Refresh the lock's heartbeat; a thread of the lock's own does so too."""
        with self._writing():
            pass

    # Records

    def put(self, record: Record) -> None:
        """Commit a record and its files; replaces what the cell left before.

        Raises: StoreError (disk full, lock lost, ...): what was committed before stays.
        """
        files = {"latents": record.latents, "images": record.images}
        paths = {kind: self.path(kind, record.cell) for kind in files}
        with self._writing():
            for kind, data in files.items():
                disk.stage(paths[kind], data)
            # A crash from here on must not leave the old record beside new files.
            old = "SELECT 1 FROM records WHERE cell = ?"
            if self._database.execute(old, (record.cell,)).fetchone():
                self._execute("DELETE FROM records WHERE cell = ?", record.cell)
            for kind, data in files.items():
                disk.settle(paths[kind], bool(data))
            self._execute(
                "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)",
                record.cell,
                record.status,
                record_json.body(record),
                record_json.trace(record),
                _digest(record.latents),
                _digest(record.images),
            )

    def get(self, cell: str, *, files: bool = True) -> Record | None:
        """A cell's record, or None. `files=False` leaves `latents` and `images` empty.

        Raises: StoreError if a file is missing or not the one that was committed.
        """
        query = "SELECT cell, status, body, trace FROM records WHERE cell = ?"
        with self._reading() as database:
            found = database.execute(query, (_checked(cell),)).fetchone()
            if found is None:
                return None
            record = self._decoded(*found)
        if not files:
            return record
        return replace(record, latents=self.file("latents", cell), images=self.file("images", cell))

    def file(self, kind: str, cell: str) -> bytes:
        """A cell's `latents` (safetensors) or `images` (PNG); empty if it left none.

        Raises: StoreError if the file is missing or not the one that was committed.
        """
        path = self.path(kind, cell)
        with self._reading() as database:
            query = f"SELECT {kind} FROM records WHERE cell = ?"
            found = database.execute(query, (cell,)).fetchone()
        if found is None or not found[0]:
            return b""
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            data = b""
        if _digest(data) != found[0]:
            state = "differs from what the run stored" if data else "is missing or empty"
            raise StoreError(f"{path}: this file {state}. 'p2lbench run SUITE --fresh' remakes it")
        return data

    def path(self, kind: str, cell: str) -> Path:
        """Where a cell's `latents` or `images` are, or would be. Raises: StoreError."""
        if kind not in disk.KINDS:
            raise StoreError(f"no files of kind {kind!r}; there are {', '.join(disk.KINDS)}")
        return self.folder / kind / (_checked(cell) + disk.KINDS[kind])

    def statuses(self, cells: Iterable[str]) -> dict[str, Status]:
        """The status of those of the cells that have a record."""
        with self._reading() as database:
            known = dict(database.execute("SELECT cell, status FROM records"))
        return {cell: known[cell] for cell in cells if cell in known}

    # The plan, and what the leaderboard has to know of the suite

    def set_plan(self, rows: Iterable[PlanRow], identities: Iterable[tuple[str, str]] = ()) -> None:
        """Replace the plan, in one transaction; keeps the order.

        Args:
            identities: ids, each with what it is the SHA-256 of (`Plan.identities`).
        """
        values = (
            (
                k,
                *(storable(name) for name in (*row.row, row.image)),
                row.repeat,
                _checked(row.cell),
            )
            for k, row in enumerate(rows)
        )
        with self._writing(), self._transaction():
            self._database.execute("DELETE FROM plan")
            insert = "INSERT INTO plan VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            self._database.executemany(insert, values)
            insert = "INSERT OR IGNORE INTO identities VALUES (?, ?)"
            self._database.executemany(insert, identities)

    def plan(self) -> tuple[PlanRow, ...]:
        """What the last run planned, in its order."""
        return plan_rows(self._rows("SELECT * FROM plan ORDER BY position"))

    def records(self, *, traces: bool = False) -> Iterator[tuple[PlanRow, Record | None]]:
        """Every planned cell with its record (None: not run yet), without files; lazily.

        `traces`: fill in `Record.trace` as well.
        """
        plan = self.plan()
        for start in range(0, len(plan), _PAGE):
            page = plan[start : start + _PAGE]
            known = self._page([row.cell for row in page], "body, trace" if traces else "body")
            yield from ((row, known.get(row.cell)) for row in page)

    def standings(self) -> Iterator[Standing]:
        """Every planned cell that has a record, once; lazily, and without decoding the records."""
        return standings(self._rows, _PAGE)

    def identity(self, id_: str) -> dict[str, Any] | None:
        """All that decides the outcome of a cell, or of a method's cells beside the image: what
        the id is the SHA-256 of. None if it is not known.

        Raises: StoreError if it does not fit the id.
        """
        query = "SELECT content FROM identities WHERE id = ?"
        with self._reading() as database:
            found = database.execute(query, (_checked(id_),)).fetchone()
        if found is None:
            return None
        if hashed(found[0]) != id_:
            raise disk.damaged(self.folder, f"what decides {id_} was changed")
        content: dict[str, Any] = json.loads(found[0])
        return content

    # The targets

    def put_image(self, image: Image, pixels: Pixels, mask: Share | None) -> None:
        """Keep a target's pixels (H, W, 3) and its mask (H, W), unless they are here already."""
        self._keep(storedimage.pixel_file(self.folder, image.digest), pixel_bytes, pixels)
        if mask is not None and image.mask_digest is not None:
            self._keep(storedimage.mask_file(self.folder, image.mask_digest), mask_bytes, mask)

    def set_images(self, images: Iterable[Image]) -> None:
        """Replace what is said of the plan's images, in order; their names are unique."""
        values = (
            (k, storable(image.name), record_json.dump(storedimage.plain(image)))
            for k, image in enumerate(images)
        )
        with self._writing(), self._transaction():
            self._database.execute("DELETE FROM images")
            self._database.executemany("INSERT INTO images VALUES (?, ?, ?)", values)

    def images(self) -> dict[str, StoredImage]:
        """The plan's images by name, in order. Their pixels are read when they are asked for."""
        with self._reading() as database:
            rows = database.execute("SELECT name, told FROM images ORDER BY position").fetchall()
        try:
            return {
                name: storedimage.read(name, json.loads(told), self.folder) for name, told in rows
            }
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise disk.damaged(self.folder, "what it says of an image is not readable") from error

    def set_metrics(self, metrics: Sequence[Mapping[str, Any]]) -> None:
        """Describe the metrics: a list of {name, label, higher_is_better, protocol, spec}."""
        self._set_meta("metrics", list(metrics))

    def metrics(self) -> list[dict[str, Any]]:
        """What `set_metrics` was given; empty before."""
        found = self._meta("metrics")
        return found if isinstance(found, list) else []

    def set_header(self, header: Mapping[str, Any]) -> None:
        """Describe the run as a whole (`SuiteInfo.plain()`)."""
        self._set_meta("header", header)

    def header(self) -> dict[str, Any]:
        """What `set_header` was given; empty before."""
        found = self._meta("header")
        return found if isinstance(found, dict) else {}

    def write_suite(self, text: bytes) -> None:
        """Keep the suite as run, in `suite.yaml`."""
        self._write("suite.yaml", text)

    def write_environment(self, environment: Mapping[str, Any]) -> None:
        """Keep versions, device and so on, in `environment.json`."""
        text = json.dumps(record_json.clean(environment), indent=2, allow_nan=False)
        self._write("environment.json", text.encode() + b"\n")

    # Inside

    def _keep(self, path: Path, as_bytes: Callable[[Any], bytes], content: Any) -> None:
        """Write a file that is named after what is in it."""
        with self._writing():
            if not path.exists():
                disk.stage(path, as_bytes(content))
                disk.settle(path, True)

    def _write(self, name: str, data: bytes) -> None:
        with self._writing():
            disk.stage(self.folder / name, data)
            disk.settle(self.folder / name, True)

    def _set_meta(self, key: str, value: Any) -> None:
        with self._writing():
            self._execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, record_json.dump(value))

    def _meta(self, key: str) -> Any:
        with self._reading() as database:
            found = database.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
            return None if found is None else json.loads(found[0])

    def _execute(self, statement: str, *values: Any) -> None:
        with self._transaction():
            self._database.execute(statement, values)

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._reading() as database:
            return database.execute(query, values).fetchall()

    def _page(self, cells: Sequence[str], columns: str) -> dict[str, Record]:
        marks = ", ".join("?" * len(cells))
        query = f"SELECT cell, status, {columns} FROM records WHERE cell IN ({marks})"
        with self._reading() as database:
            found = database.execute(query, cells).fetchall()
        return {row[0]: self._decoded(*row) for row in found}

    def _decoded(self, cell: str, status: str, body: str, trace: str = "") -> Record:
        try:
            return record_json.load(cell, status, body, trace)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise disk.damaged(self.folder, f"the record of cell {cell} is not readable") from error

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._mutex, disk.explained(self.folder):
            yield self._database

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        if self._lock is None:
            raise StoreError(f"{self.folder}: opened for reading only")
        with self._mutex, disk.explained(self.folder):
            self._lock.beat()
            yield

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise


def _checked(cell: str) -> str:
    """A cell id that is safe as a file's name. Raises: StoreError."""
    if not re.fullmatch(r"[0-9a-f]{1,64}", cell):
        raise StoreError(f"{cell[:80]!r} is not a cell id: expected up to 64 digits 0-9 a-f")
    return cell


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest() if data else ""


@lru_cache(maxsize=4096)
def storable(name: str) -> str:
    """Text that SQLite takes: a file name's undecodable bytes are written out."""
    return name.encode("utf-8", "backslashreplace").decode()
