"""The results folder after a writer was killed, or the disk was full."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from storekit import OK, create, files_below, kill, writer

from p2lbench.errors import StoreError


@pytest.mark.parametrize("delay", [0.005, 0.05, 0.12])
def test_kill_in_the_middle_of_puts(where: Path, delay: float) -> None:
    process = writer(where, 100_000)
    time.sleep(delay)
    committed = kill(process).split("\n")[:-1]
    warnings: list[str] = []
    with create(where, warn=warnings.append) as store:
        found = store.statuses(f"{k:04x}" for k in range(40))
        # The put that was cut off may have withdrawn the record that it was to replace.
        assert len(set(committed) - set(found)) <= 1
        for cell in found:
            record = store.get(cell)
            assert record is not None
            assert record.latents.startswith(b"z" * 5000)
        assert not list(where.rglob("*.tmp"))
        store.put(OK)
    assert len(warnings) == 1
    assert f"process {process.pid}" in warnings[0]
    assert "no longer runs" in warnings[0]


def test_kill_while_the_database_is_made(where: Path) -> None:
    (where / "latents").mkdir(parents=True)
    (where / "results.db.tmp").write_bytes(b"half")
    (where / "lock").write_text("{")
    os.utime(where / "lock", (1, 1))
    with create(where, warn=lambda text: None) as store:
        store.put(OK)
        assert store.get("ab12") == OK


def test_a_disk_full_while_putting_keeps_what_was_there(
    where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with create(where) as store:
        store.put(OK)
        before = files_below(where)

        def full(handle: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match=r"disk is full.*committed is safe.*run again"):
            store.put(replace(OK, latents=b"new"))
        monkeypatch.undo()
        assert files_below(where) == before
        assert store.get("ab12") == OK


def test_a_full_disk_in_sqlite_is_explained(where: Path) -> None:
    with create(where) as store:
        pages = store._database.execute("PRAGMA page_count").fetchone()[0]
        store._database.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="disk is full"):
            store.put(replace(OK, images=b"", latents=b"", reason="x" * 100_000))
        store._database.execute("PRAGMA max_page_count = 1000000")
        store.put(OK)
        assert store.get("ab12") == OK
