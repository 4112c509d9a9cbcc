"""Records and files: what was put comes back, and what was changed is found."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from storekit import OK, ROW, create

from p2lbench import record_json
from p2lbench.errors import StoreError
from p2lbench.record import Record, Trace
from p2lbench.store import PlanRow, Store, folder_of


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
@settings(max_examples=60)
def test_json_round_trip(record: Record) -> None:
    body, trace = record_json.body(record), record_json.trace(record)
    body.encode("ascii")
    for text in (body, trace):
        json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    back = record_json.load(record.cell, record.status, body, trace)
    assert back == replace(record, latents=b"", images=b"")


@given(record=records)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


def test_no_torch_and_no_matplotlib() -> None:
    code = (
        "import sys, p2lbench.store, p2lbench.leaderboard, p2lbench.report.formats, "
        "p2lbench.report.progress, p2lbench.report.figures\n"
        "print(sorted({'torch', 'matplotlib', 'nevergrad'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"
