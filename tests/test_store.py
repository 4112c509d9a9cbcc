"""The results folder: round trips, crashes, locks, and everything that may be wrong with it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p2lbench import folder, record_json
from p2lbench.errors import StoreError
from p2lbench.lock import FolderLock
from p2lbench.record import Record, Trace
from p2lbench.store import PlanRow, Store, folder_of

OK = Record(
    cell="ab12",
    status="ok",
    objective=(0.5, None, 0.25),
    metrics={"original": {"l1": (0.1, None, 0.3)}, "aligned": {"l1": (0.1, 0.2, 0.3)}},
    missing={"lpips-alex": "weights not found"},
    ledger={"passes": 100, "seconds": 1.5},
    trace=Trace((1, 10), (0.1, 0.2), ((0.9, 0.8, 0.7), (0.5, 0.6, 0.25))),
    notes=("stopped early",),
    environment={"torch": "2.9", "nested": {"a": [1, None]}},
    latents=b"points",
    images=b"\x89PNG",
)
ROW = ("g", "l1", "none", "ground-truth", "adam")


@pytest.fixture
def where(tmp_path: Path) -> Path:
    return tmp_path / "results" / "quick"


def create(where: Path, **options: object) -> Store:
    return Store.create_or_open(where, "quick", **options)  # type: ignore[arg-type]


def files_below(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


# Round trips


def test_a_record_comes_back_as_it_was(where: Path) -> None:
    with create(where) as store:
        store.put(OK)
        assert store.get("ab12") == OK
        assert store.get("ab12", files=False) == replace(OK, latents=b"", images=b"")
        assert store.get("cd34") is None
    assert (where / "latents" / "ab12.safetensors").read_bytes() == b"points"
    assert (where / "images" / "ab12.png").read_bytes() == b"\x89PNG"
    with Store.open_read(where) as store:
        assert store.get("ab12") == OK
        assert store.statuses(["ab12", "cd34"]) == {"ab12": "ok"}


numbers = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))
values = st.lists(numbers, max_size=3).map(tuple)
names = st.text(max_size=8)
finite = st.floats(allow_nan=False, allow_infinity=False)
traces = st.lists(st.tuples(st.integers(0, 10**9), finite, finite), max_size=3).map(
    lambda points: Trace(
        tuple(p for p, _, _ in points),
        tuple(s for _, s, _ in points),
        tuple((b, b) for _, _, b in points),
    )
)
records = st.builds(
    Record,
    cell=st.text("0123456789abcdef", min_size=1, max_size=64),
    status=st.sampled_from(["ok", "failed", "timeout", "diverged", "skipped"]),
    reason=st.text(),
    objective=values,
    metrics=st.dictionaries(names, st.dictionaries(names, values, max_size=2), max_size=2),
    missing=st.dictionaries(names, names, max_size=2),
    ledger=st.dictionaries(names, finite, max_size=2),
    trace=traces,
    notes=st.lists(names, max_size=2).map(tuple),
    environment=st.dictionaries(names, st.one_of(st.text(), st.integers(), st.none()), max_size=2),
    latents=st.binary(max_size=20),
    images=st.binary(max_size=20),
)


@given(record=records)
@settings(max_examples=60, deadline=None)
def test_json_round_trip(record: Record) -> None:
    body, trace = record_json.body(record), record_json.trace(record)
    body.encode("ascii")
    for text in (body, trace):
        json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    back = record_json.load(record.cell, record.status, body, trace)
    assert back == replace(record, latents=b"", images=b"")


@given(record=records)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_store_round_trip(tmp_path: Path, record: Record) -> None:
    with create(tmp_path / "quick") as store:
        store.put(record)
        assert store.get(record.cell) == record


def test_what_is_not_finite_becomes_null(where: Path) -> None:
    nan, inf = float("nan"), float("inf")
    trace = Trace((1, 2), (0.0, 0.0), ((nan, inf), (1.0, 2.0)))
    record = Record(
        "ab", "diverged", objective=(nan, inf), metrics={"original": {"l1": (nan, 1.0)}},
        trace=trace, environment={"path": Path("x"), "bad": inf},
    )  # fmt: skip
    with create(where) as store:
        store.put(record)
        back = store.get("ab")
    assert back is not None
    assert back.objective == (None, None)
    assert back.metrics["original"]["l1"] == (None, 1.0)
    assert all(value != value for value in back.trace.best[0])
    assert back.trace.best[1] == (1.0, 2.0)
    assert back.environment == {"path": "x", "bad": None}


def test_a_retried_cell_replaces_its_record_and_files(where: Path) -> None:
    with create(where) as store:
        store.put(OK)
        store.put(Record("ab12", "failed", "ValueError: boom"))
        assert store.get("ab12") == Record("ab12", "failed", "ValueError: boom")
        assert not list((where / "latents").iterdir())
        assert not list((where / "images").iterdir())
        store.put(replace(OK, latents=b"others"))
        assert store.file("latents", "ab12") == b"others"


def test_plan_is_replaced_and_joined(where: Path) -> None:
    rows = [PlanRow(ROW, f"image {k}", k % 2, f"{k:04x}") for k in range(1200)]
    with create(where) as store:
        store.set_plan([PlanRow(ROW, "old", 0, "ff")])
        store.set_plan(iter(rows))
        store.put(replace(OK, cell="0001"))
        assert store.plan() == tuple(rows)
        found = list(store.records())
        assert [row for row, _ in found] == rows
        assert found[1][1] == replace(OK, cell="0001", latents=b"", images=b"", trace=Trace())
        assert next(r for _, r in store.records(traces=True) if r).trace == OK.trace
        assert [record for _, record in found if record] == [found[1][1]]


def test_a_plan_that_cannot_be_written_leaves_the_old_one(where: Path) -> None:
    rows = [PlanRow(ROW, "a", 0, "aa")]
    with create(where) as store:
        store.set_plan(rows)
        with pytest.raises(StoreError, match="not a cell id"):
            store.set_plan([PlanRow(ROW, "b", 0, "bb"), PlanRow(ROW, "c", 0, "../c")])
        assert store.plan() == tuple(rows)


def test_header_metrics_and_files(where: Path) -> None:
    with create(where) as store:
        assert (store.header(), store.metrics()) == ({}, [])
        store.set_header({"name": "quick", "budget": float("inf")})
        store.set_metrics([{"name": "l1", "higher_is_better": False}])
        store.write_suite(b"name: quick\n")
        store.write_environment({"python": sys.version_info[0], "bad": float("nan")})
    with Store.open_read(where) as store:
        assert store.header() == {"name": "quick", "budget": None}
        assert store.metrics() == [{"name": "l1", "higher_is_better": False}]
    assert (where / "suite.yaml").read_bytes() == b"name: quick\n"
    assert json.loads((where / "environment.json").read_text())["bad"] is None


def test_hostile_names_stay_in_the_database(where: Path) -> None:
    bad = "'; DROP TABLE plan; -- ../../etc \x00 \ud800 \x1b[31m"
    with create(where) as store:
        store.set_plan([PlanRow((bad, bad, bad, bad, bad), bad, 0, "ab")])
        store.put(Record("ab", "failed", bad, notes=(bad,)))
        ((row, record),) = store.records()
        assert record is not None
        assert record.reason == bad
        assert row.image == bad.replace("\ud800", "\\ud800")
    for cell in ("../x", "AB", "", "a" * 65, "a/b", "a\n", "."):
        with Store.open_read(where) as store, pytest.raises(StoreError, match="not a cell id"):
            store.get(cell)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", ".x", "a\nb", "x" * 201, "\x00"])
def test_suite_names_that_are_no_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match="cannot be a folder's name"):
        folder_of(tmp_path, name)
    assert folder_of(tmp_path, "my suite = é") == tmp_path / "my suite = é"


def test_a_reader_cannot_write(where: Path) -> None:
    create(where).close()
    with Store.open_read(where) as store, pytest.raises(StoreError, match="for reading only"):
        store.put(OK)


def test_readers_and_a_writer_side_by_side(where: Path) -> None:
    with create(where) as writer, Store.open_read(where) as reader:
        writer.set_plan([PlanRow(ROW, "a", 0, "ab12")])
        lazily = reader.records()
        writer.put(OK)
        assert next(lazily)[1] is not None


def test_threads_may_put(where: Path) -> None:
    with create(where) as store:
        threads = [
            threading.Thread(target=lambda k=k: store.put(replace(OK, cell=f"{k:02x}")))
            for k in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(store.statuses(f"{k:02x}" for k in range(8))) == 8


# Tampering


def test_a_changed_or_missing_file_is_found(where: Path) -> None:
    with create(where) as store:
        store.put(OK)
        store.path("latents", "ab12").write_bytes(b"forged")
        with pytest.raises(StoreError, match=r"latents.*differs from what the run stored.*--fresh"):
            store.get("ab12")
        store.path("latents", "ab12").unlink()
        with pytest.raises(StoreError, match="missing"):
            store.file("latents", "ab12")
        assert store.get("ab12", files=False) is not None
        with pytest.raises(StoreError, match="no files of kind"):
            store.file("records", "ab12")


# Crashes

WRITER = """
    import sys
    from pathlib import Path
    from p2lbench.record import Record
    from p2lbench.store import Store
    store = Store.create_or_open(Path(sys.argv[1]), "quick", warn=lambda text: None)
    print("ready", flush=True)
    for k in range(int(sys.argv[2])):
        cell = f"{k % 40:04x}"
        store.put(Record(cell, "ok", latents=b"z" * 5000 + str(k).encode(), images=b"p" * 100))
        print(cell, flush=True)
    sys.stdin.read()
"""


def writer(where: Path, puts: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(where), str(puts)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def kill(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGKILL)
    out, _ = process.communicate()
    return out


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


# Locks


def test_a_live_writer_keeps_a_second_one_out(where: Path) -> None:
    process = writer(where, 1)
    try:
        before = files_below(where)
        said = rf"another run is writing here \(process {process.pid} on .*last heard of \d+ s ago"
        with pytest.raises(StoreError, match=said):
            create(where)
        assert files_below(where).keys() >= before.keys()
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


# Folders that are not what was expected


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
    refused(where, r"version 99 of the results' format.*reads version 1")


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


def test_no_torch_and_no_matplotlib() -> None:
    code = (
        "import sys, p2lbench.store, p2lbench.leaderboard, p2lbench.report.formats, "
        "p2lbench.report.progress, p2lbench.report.figures\n"
        "print(sorted({'torch', 'matplotlib', 'nevergrad'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"
