"""What a network file system does that a local one does not, imitated: none can be mounted here."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from pathlib import Path
from typing import Any

import pytest
from storekit import OK, create

from p2lbench.errors import StoreError
from p2lbench.lock import FolderLock

ELSEWHERE = {"host": "elsewhere", "pid": 7, "token": "x"}


def test_a_link_that_is_reported_to_exist_since_it_was_asked_for_twice(
    where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def twice(source: Any, target: Any) -> None:
        link(source, target)
        link(source, target)

    monkeypatch.setattr(os, "link", twice)
    with create(where) as store:
        store.put(OK)
        with pytest.raises(StoreError, match=f"process {os.getpid()}"):
            create(where)
    assert not (where / "lock").exists()


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_where_files_have_one_name_only(
    where: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refused(source: Any, target: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refused)
    with create(where) as store:
        store.put(OK)
        with pytest.raises(StoreError, match=f"process {os.getpid()}"):
            create(where)
    assert not list(where.glob("lock*"))


@pytest.mark.parametrize("ahead", [-3600.0, 3600.0])
def test_the_servers_clock_decides(
    where: Path, monkeypatch: pytest.MonkeyPatch, ahead: float
) -> None:
    """The server's time is that of the files that it makes; this machine's is wrong by an hour."""
    create(where).close()
    (where / "lock").write_text(json.dumps(ELSEWHERE))
    monkeypatch.setattr("time.time", lambda: os.stat(where / "lock").st_mtime + ahead)
    with pytest.raises(StoreError, match=r"'elsewhere'.*last heard of 0 s ago"):
        create(where)
    now = FolderLock._now
    monkeypatch.setattr(FolderLock, "_now", lambda self: now(self) + 90)
    warned: list[str] = []
    create(where, warn=warned.append).close()
    assert "no sign of life for 90 s" in warned[0]


def test_a_lock_is_opened_for_its_time(where: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `stat` says may be a minute old; what an open file says is not."""
    create(where).close()
    (where / "lock").write_text(json.dumps(ELSEWHERE))
    stat = Path.stat

    def remembered(self: Path, **more: Any) -> os.stat_result:
        found = stat(self, **more)
        return (
            os.stat_result((*found[:8], found[8] - 75, found[9])) if self.name == "lock" else found
        )

    monkeypatch.setattr(Path, "stat", remembered)
    with pytest.raises(StoreError, match="last heard of 0 s ago"):
        create(where)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_without_file_locks(where: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refused(file: Any, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "lockf", refused)
    with pytest.raises(StoreError, match=r"has no file locks .*Mount it with locks.*--results"):
        create(where)
    assert not where.exists()


def test_what_nfs_leaves_of_a_removed_file_is_no_foreign_file(where: Path) -> None:
    where.mkdir(parents=True)
    (where / ".nfs000000000012").write_bytes(b"")
    create(where).close()
