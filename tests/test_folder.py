"""Folders that are not the results that were expected."""

from __future__ import annotations

import errno
import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from storekit import OK, create, files_below

from p2lbench import folder
from p2lbench.errors import StoreError
from p2lbench.store import Store


def test_nothing_is_made_before_it_is_asked_for(where: Path) -> None:
    with pytest.raises(StoreError, match=r"no results here.*p2lbench run"):
        Store.open_read(where)
    assert not where.parent.exists()


def refused(where: Path, match: str) -> None:
    """Neither writer nor reader opens it, and nothing changes."""
    before = files_below(where) if where.is_dir() else None
    for open_ in (create, Store.open_read):
        with pytest.raises(StoreError, match=match):
            open_(where)
    if before is not None:
        assert files_below(where) == before


def test_a_folder_of_something_else(where: Path) -> None:
    where.mkdir(parents=True)
    (where / "thesis.tex").write_text("x")
    refused(where, "not a results folder.*thesis.tex")


def test_somebodys_images_are_not_taken_for_leftovers(where: Path) -> None:
    (where / "images").mkdir(parents=True)
    (where / "images" / "cat.tmp").write_text("x")
    refused(where, "not a results folder")


def test_an_empty_folder_is_no_results_yet_but_may_become_some(where: Path) -> None:
    where.mkdir(parents=True)
    with pytest.raises(StoreError, match="no results here"):
        Store.open_read(where)
    create(where).close()


def test_a_file_in_its_place(where: Path) -> None:
    where.parent.mkdir()
    where.write_text("x")
    refused(where, "this is a file")


def test_a_database_that_is_a_folder(where: Path) -> None:
    (where / "results.db").mkdir(parents=True)
    refused(where, "results.db is a folder")


def test_another_schema_version(where: Path) -> None:
    create(where).close()
    with sqlite3.connect(where / "results.db") as database:
        database.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    database.close()
    refused(where, r"version 99 of the results' format.*reads version 2")


def test_another_programs_database(where: Path) -> None:
    where.mkdir(parents=True)
    with sqlite3.connect(where / "results.db") as database:
        database.execute("CREATE TABLE photos (x)")
    database.close()
    refused(where, "another program's database")


@pytest.mark.parametrize("text", [b"", b"not a database, but long enough to be read" * 30])
def test_not_a_database(where: Path, text: bytes) -> None:
    where.mkdir(parents=True)
    (where / "results.db").write_bytes(text)
    refused(where, "damaged.*Nothing was changed")


def test_a_truncated_database(where: Path) -> None:
    with create(where) as store:
        for k in range(50):
            store.put(replace(OK, cell=f"{k:02x}", reason="x" * 1000))
    database = where / "results.db"
    database.write_bytes(database.read_bytes()[: database.stat().st_size // 2])
    refused(where, "damaged")


def test_a_scrambled_page_is_found_on_opening_to_write(where: Path) -> None:
    with create(where) as store:
        for k in range(50):
            store.put(replace(OK, cell=f"{k:02x}", reason="x" * 1000))
    database = where / "results.db"
    data = bytearray(database.read_bytes())
    data[4096 * 8 : 4096 * 12] = b"\xa5" * 4096 * 4
    database.write_bytes(bytes(data))
    with pytest.raises(StoreError, match="damaged"):
        create(where)
    assert database.read_bytes() == bytes(data)


def test_a_record_that_is_not_readable(where: Path) -> None:
    with create(where) as store:
        store.put(OK)
    with sqlite3.connect(where / "results.db") as database:
        database.execute("UPDATE records SET body = '{\"reason\": 1}'")
    database.close()
    with Store.open_read(where) as store, pytest.raises(StoreError, match="record of cell ab12"):
        store.get("ab12")


def test_another_suites_results(where: Path) -> None:
    create(where).close()
    with pytest.raises(StoreError, match=r"another suite.*quick.*'slow'"):
        Store.create_or_open(where, "slow")
    Store.open_read(where).close()


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_a_read_only_place(where: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", refuse)
        with pytest.raises(StoreError, match=r"may not be written.*--results"):
            create(where)
        assert not where.parent.exists()
        patch.setattr(Path, "mkdir", refuse)
        with pytest.raises(StoreError, match="may not be written"):
            create(where)
    assert not where.parent.exists()


def test_nothing_is_left_where_making_it_fails(
    where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folder, "_sync_folder", fail)
    with pytest.raises(StoreError, match="disk is full"):
        create(where)
    assert not where.parent.exists()
    where.mkdir(parents=True)
    with pytest.raises(StoreError, match="disk is full"):
        create(where)
    assert list(where.iterdir()) == []
