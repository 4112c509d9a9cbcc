"""Results folders as lines for other programs: what is in them, and the files."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import polars as pl
import pytest
import storekit

from p2lbench.errors import StoreError
from p2lbench.exports import COLUMNS, pages
from p2lbench.record import Record
from p2lbench.report import tabular
from p2lbench.store import PlanRow, Store

HOSTILE = "=cmd|' /C calc'!A0"
ROW = ("g", "l1", "none", "gt", HOSTILE)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = storekit.create(tmp_path / "quick")
    cells = [PlanRow(ROW, f"image-{k}", 0, f"{k:04x}") for k in range(5)]
    for k in (3, 0, 1):  # stored in another order than planned
        made.put(Record(**{**vars(storekit.OK), "cell": f"{k:04x}"}))
    made.put(Record("0002", "failed", reason="ValueError: \ud800 =1"))
    made.set_plan(cells)
    return made


def test_a_line_per_candidate_frame_and_metric(store: Store) -> None:
    (lines,) = list(pages(store, "value"))
    names = list(COLUMNS["value"])
    found = [dict(zip(names, line, strict=True)) for line in lines]
    assert len(found) == 3 * 2 * 3
    assert [f["image"] for f in found[::6]] == ["image-0", "image-1", "image-3"]
    first = [f for f in found if f["image"] == "image-0" and f["frame"] == "original"]
    assert [f["value"] for f in first] == [0.1, None, 0.3]
    assert [f["objective"] for f in first] == [0.5, None, 0.25]
    assert [f["selected"] for f in first] == [False, False, True]


def test_a_line_per_planned_cell(store: Store) -> None:
    (lines,) = list(pages(store, "cell"))
    found = [dict(zip(COLUMNS["cell"], line, strict=True)) for line in lines]
    assert [f["status"] for f in found] == ["ok", "ok", "failed", "ok", None]
    assert found[0]["passes"] == 100
    assert found[0]["seconds"] == 1.5
    assert found[0]["forwards"] is None
    assert found[0]["torch"] == "2.9"
    assert (found[0]["selected"], found[0]["objective"]) == (2, 0.25)
    assert found[2]["objective"] is None
    assert found[2]["reason"].startswith("ValueError")


def test_pages_are_bounded(store: Store) -> None:
    sizes = [len(page) for page in pages(store, "value", size=6)]
    assert sizes == [6, 6, 6, 0]


@pytest.mark.parametrize("size", [4, 1000])
def test_parquet_keeps_types_and_order(store: Store, tmp_path: Path, size: int) -> None:
    path = tmp_path / "x.parquet"
    assert tabular.write(path, "parquet", COLUMNS["value"], pages(store, "value", size)) == 18
    frame = pl.read_parquet(path)
    assert frame.schema["value"] == pl.Float64
    assert frame.schema["selected"] == pl.Boolean
    assert frame.schema["repeat"] == pl.Int64
    assert frame["value"].null_count() == 3
    assert frame["optimizer"].unique().to_list() == [HOSTILE]
    assert frame["image"].to_list() == [f"image-{k}" for k in (0, 1, 3) for _ in range(6)]
    cells = tmp_path / "cells.parquet"
    tabular.write(cells, "parquet", COLUMNS["cell"], pages(store, "cell"))
    assert "\\ud800" in pl.read_parquet(cells)["reason"].to_list()[2]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cells.parquet", "quick", "x.parquet"]


def test_csv_has_no_formulas_and_one_head(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    tabular.write(path, "csv", COLUMNS["cell"], pages(store, "cell", size=2))
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    assert [row["status"] for row in rows] == ["ok", "ok", "failed", "ok", ""]
    assert rows[0]["optimizer"] == f"'{HOSTILE}"
    assert not any(v.startswith(("=", "+", "-", "@")) for row in rows for v in row.values())


def test_nothing_planned(tmp_path: Path) -> None:
    store = storekit.create(tmp_path / "quick")
    for form in ("csv", "parquet"):
        path = tmp_path / f"x.{form}"
        assert tabular.write(path, form, COLUMNS["cell"], pages(store, "cell")) == 0
    assert pl.read_parquet(tmp_path / "x.parquet").columns == list(COLUMNS["cell"])
    assert (tmp_path / "x.csv").read_text().count("\n") == 1


def test_a_file_that_cannot_be_written_leaves_nothing(store: Store, tmp_path: Path) -> None:
    (tmp_path / "x.csv").mkdir()
    with pytest.raises(StoreError):
        tabular.write(tmp_path / "x.csv", "csv", COLUMNS["cell"], pages(store, "cell"))
    assert not list(tmp_path.glob(".p2lbench-*"))
