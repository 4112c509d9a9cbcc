"""Keeps a second writer out of a results folder."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from p2lbench.errors import StoreError

STALE_AFTER = 60.0  # seconds without a heartbeat
BEAT_EVERY = 15.0


class FolderLock:
    """A lock file: its text names host and pid, its modification time is the heartbeat.

    `acquire` takes it, or raises StoreError naming who holds it. A stale lock (its process is gone,
    or no heartbeat for a minute) is explained through `warn` and taken over. A holder that was
    suspended for so long that it lost the lock finds out in `check`, before it writes.

    It holds on network file systems, too. Ages are told by the file system's clock alone, of files
    that were opened for it, since NFS may remember a time for as long as a minute otherwise.
    """

    def __init__(self, path: Path, warn: Callable[[str], None]) -> None:
        self.path, self._warn = path, warn
        self._token = uuid.uuid4().hex
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def acquire(self) -> None:
        """Take the lock and keep its heartbeat going. Raises: StoreError; OSError."""
        if not self._create():
            self._take_over()
        self._thread = threading.Thread(target=self._keep_beating, daemon=True, name="store-lock")
        self._thread.start()

    def beat(self) -> None:
        """Refresh the heartbeat now. Raises: StoreError if another process took the lock over."""
        self.check()
        os.utime(self.path)

    def check(self) -> None:
        """Raises: StoreError if this process no longer holds the lock."""
        holder = _read(self.path)
        if holder is None or holder.get("token") != self._token:
            raise StoreError(
                f"{self.path.parent}: this run lost its lock"
                f"{_named(holder)} while it was suspended, and writes nothing more. "
                "Run it again when the other one has finished: it goes on where that one stopped."
            )

    def release(self) -> None:
        """Give the lock back; does nothing where it is not held."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        holder = _read(self.path)
        if holder is not None and holder.get("token") == self._token:
            self.path.unlink(missing_ok=True)

    def _create(self) -> bool:
        """Make the lock, whole from the first moment; False if there is one."""
        with self._written() as beside:
            try:
                os.link(beside, self.path)
            except FileExistsError:
                # Of NFS, that may be the answer to a request that was sent twice, and the first
                # time with success: then the file has both names.
                return beside.stat().st_nlink == 2
            except OSError as error:
                if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP):
                    raise
                return self._create_unlinked(beside.read_bytes())
        return True

    def _create_unlinked(self, text: bytes) -> bool:
        """The same where a file cannot have two names."""
        try:
            with open(self.path, "xb") as file:
                file.write(text)
        except FileExistsError:
            return False
        return True

    def _take_over(self) -> None:
        now = self._now()
        holder, beaten = _look(self.path)
        age = now - beaten
        why = _why_stale(holder, age)
        if why is None or (holder is None and not self._create()):
            raise self._held(now)
        if holder is None:
            return
        with self._claimed():
            # A faster process may have taken it between the look and the claim.
            if _read(self.path) != holder:
                raise self._held(now)
            with self._written() as beside:
                os.replace(beside, self.path)
        self._warn(
            f"{self.path.parent}: taking over the lock left{_named(holder)}: {why}. "
            "What it committed is kept."
        )

    @contextlib.contextmanager
    def _written(self) -> Iterator[Path]:
        """This process's lock under a name of its own."""
        beside = self.path.with_name(f"{self.path.name}.{self._token}")
        beside.write_text(json.dumps({**_here(), "token": self._token}), encoding="utf-8")
        try:
            yield beside
        finally:
            beside.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _claimed(self) -> Iterator[None]:
        """The right to replace the lock, which never is away meanwhile; one process has it."""
        claim = self.path.with_name(f"{self.path.name}.claim")
        try:
            os.close(os.open(claim, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        except FileExistsError:
            now = self._now()
            if now - _look(claim)[1] > STALE_AFTER:  # it died within these few lines
                claim.unlink(missing_ok=True)
            raise self._held(now) from None
        try:
            yield
        finally:
            claim.unlink(missing_ok=True)

    def _now(self) -> float:
        """The file system's time, which need not be this machine's."""
        with self._written() as beside:
            return beside.stat().st_mtime

    def _held(self, now: float) -> StoreError:
        holder, beaten = _look(self.path)
        age = max(now - beaten, 0.0)
        return StoreError(
            f"{self.path.parent}: another run is writing here{_named(holder)}, last heard of "
            f"{age:.0f} s ago. Wait for it to finish or stop it, or give this run a "
            f"folder of its own with --results. If nothing runs there any more, delete {self.path}"
        )

    def _keep_beating(self) -> None:
        while not self._stop.wait(BEAT_EVERY):
            with contextlib.suppress(StoreError, OSError):  # the next write says what is wrong
                self.beat()


def _here() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid(), "space": _pid_space()}


def _pid_space() -> str:
    """Containers may share a host name but not their pids."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _read(path: Path) -> dict[str, Any] | None:
    """What a lock file says; None if there is none, empty if it cannot be read (half written)."""
    return _look(path)[0]


def _look(path: Path) -> tuple[dict[str, Any] | None, float]:
    """What a lock file says, and when it was last touched: in the future, if that is unknown."""
    touched = math.inf
    try:
        with path.open("rb") as file:
            touched = os.fstat(file.fileno()).st_mtime
            value = json.loads(file.read())
    except FileNotFoundError:
        return None, touched
    except (OSError, ValueError):
        return {}, touched
    return value if isinstance(value, dict) else {}, touched


def _why_stale(holder: dict[str, Any] | None, age: float) -> str | None:
    if holder is None:
        return "it is gone"
    here = _here()
    same = all(holder.get(key) == here[key] for key in ("host", "space"))
    if same and isinstance(holder.get("pid"), int) and not _alive(holder["pid"]):
        return "that process no longer runs"
    if age > STALE_AFTER:
        return f"it gave no sign of life for {age:.0f} s"
    return None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _named(holder: dict[str, Any] | None) -> str:
    if not holder:
        return ""
    return f" (process {holder.get('pid')!r} on {holder.get('host')!r})"
