"""One writer at a time: who is kept out, who is taken over."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from storekit import OK, create, files_below, kill, writer

from p2lbench.errors import StoreError
from p2lbench.lock import FolderLock
from p2lbench.store import Store


def test_a_live_writer_keeps_a_second_one_out(where: Path) -> None:
    process = writer(where, 1)
    try:
        # A half-written file of the writer, which is still at work, may be renamed meanwhile.
        before = {name for name in files_below(where) if not name.endswith(".tmp")}
        said = rf"another run is writing here \(process {process.pid} on .*last heard of \d+ s ago"
        with pytest.raises(StoreError, match=said):
            create(where)
        assert files_below(where).keys() >= before
        with Store.open_read(where) as store:  # readers are welcome
            assert store.header() == {}
    finally:
        kill(process)
    warned: list[str] = []
    create(where, warn=warned.append).close()
    assert "taking over" in warned[0]
    assert not (where / "lock").exists()


def test_two_writers_in_one_process(where: Path) -> None:
    with create(where), pytest.raises(StoreError, match=f"process {os.getpid()}"):
        create(where)
    create(where).close()


def test_a_silent_writer_is_taken_over_and_then_writes_nothing(where: Path) -> None:
    first = create(where)
    first.put(OK)
    os.utime(where / "lock", (time.time() - 90, time.time() - 90))
    warned: list[str] = []
    with create(where, warn=warned.append) as second:
        assert "no sign of life for 90 s" in warned[0]
        with pytest.raises(StoreError, match="lost its lock"):
            first.put(replace(OK, reason="late"))
        with pytest.raises(StoreError, match="lost its lock"):
            first.beat()
        assert second.get("ab12") == OK
        first.close()
        second.put(replace(OK, cell="cd"))  # the first one's close did not take the lock away


def test_the_default_warning_is_a_python_warning(where: Path) -> None:
    create(where).close()
    (where / "lock").write_text("{}")
    os.utime(where / "lock", (1, 1))
    with pytest.warns(UserWarning, match="taking over the lock"):
        create(where).close()


def test_a_fresh_lock_that_cannot_be_read_is_respected(where: Path) -> None:
    create(where).close()
    (where / "lock").write_text("half writ")
    with pytest.raises(StoreError, match="another run is writing here, last heard"):
        create(where)


def test_another_host_or_container_is_not_judged_by_its_pid(where: Path) -> None:
    create(where).close()
    (where / "lock").write_text(json.dumps({"host": "elsewhere", "pid": 2**30, "token": "x"}))
    with pytest.raises(StoreError, match="'elsewhere'"):
        create(where)


def test_only_one_of_many_takes_a_stale_lock(where: Path) -> None:
    create(where).close()
    (where / "lock").write_text("{}")
    os.utime(where / "lock", (1, 1))
    stores: list[Store] = []
    gate = threading.Barrier(8)

    def attempt() -> None:
        gate.wait()
        with contextlib.suppress(StoreError):
            stores.append(create(where, warn=lambda text: None))

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores) == 1
    stores[0].put(OK)
    stores[0].close()


def test_a_lock_that_was_renewed_in_the_meantime_is_given_back(
    where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(where).close()
    lock = where / "lock"
    lock.write_text("{}")
    os.utime(lock, (1, 1))
    claimed = FolderLock._claimed
    fresh = json.dumps({"host": "quicker", "pid": 7, "token": "t"})

    def too_late(self: FolderLock) -> contextlib.AbstractContextManager[None]:
        lock.write_text(fresh)  # another process has just taken the stale lock over
        return claimed(self)

    monkeypatch.setattr(FolderLock, "_claimed", too_late)
    with pytest.raises(StoreError, match="process 7 on 'quicker'"):
        create(where)
    assert lock.read_text() == fresh
    assert [path.name for path in where.glob("lock*")] == ["lock"]


def test_a_claim_that_somebody_died_with_does_not_last(where: Path) -> None:
    create(where).close()
    for name in ("lock", "lock.claim"):
        (where / name).write_text("{}")
        os.utime(where / name, (1, 1))
    with pytest.raises(StoreError, match="another run is writing here"):
        create(where)
    create(where, warn=lambda text: None).close()


def test_beat_refreshes_the_heartbeat(where: Path) -> None:
    with create(where) as store:
        os.utime(where / "lock", (1, 1))
        store.beat()
        assert time.time() - (where / "lock").stat().st_mtime < 30
