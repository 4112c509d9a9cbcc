"""The leaderboard's numbers against naive ones, its holes, its ranking, its JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2lbench.errors import StoreError
from p2lbench.leaderboard import Leaderboard, Metric, Row, SuiteInfo, as_text, build, decimals, load
from p2lbench.record import Record
from p2lbench.store import PlanRow, Store

L1, PSNR = Metric("l1", "L1"), Metric("psnr", "PSNR", True)
HELD = Metric("percep-heldout", "held-out")
SUITE = SuiteInfo("s", 3, 1, "paper", {"l1": ("l1",), "l1+10*p": ("l1", "p")})
Found = list[tuple[PlanRow, Record | None]]


def record(
    metrics: Mapping[str, Sequence[float | None]],
    objective: Sequence[float | None] = (3.0, 1.0, 2.0),
    **more: Any,
) -> Record:
    frames = {"original": {name: tuple(values) for name, values in metrics.items()}}
    fields = {"status": "ok", "ledger": {"passes": 10, "seconds": 2.0}, **more}
    return Record("ab", objective=tuple(objective), metrics=frames, **fields)


def cells(
    optimizer: str, records: Mapping[tuple[str, int], Record | None], loss: str = "l1"
) -> Found:
    row = ("g", loss, "none", "gt", optimizer)
    return [(PlanRow(row, image, k, "ab"), found) for (image, k), found in records.items()]


def board(found: Found, *metrics: Metric, suite: SuiteInfo = SUITE) -> Leaderboard:
    return build(found, metrics or (L1,), suite)


def one(found: Found, *metrics: Metric) -> Row:
    (row,) = board(found, *metrics).rows
    return row


def simple(value: float, name: str = "l1") -> Record:
    return record({name: (value,) * 3})


finite = st.floats(-1e6, 1e6)
tables = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 4)).flatmap(
    lambda shape: st.tuples(
        *(
            st.lists(finite, min_size=math.prod(shape), max_size=math.prod(shape)).map(
                lambda flat: np.array(flat).reshape(shape)
            )
            for _ in range(2)
        )
    )
)


@given(tables=tables, higher=st.booleans())
@settings(max_examples=60)
def test_numbers_are_the_naive_ones(tables: tuple[Any, Any], higher: bool) -> None:
    values, objective = tables  # (images, repeats, candidates)
    found = cells(
        "adam",
        {
            (f"i{i}", r): record({"m": values[i, r].tolist()}, objective[i, r].tolist())
            for i, r in np.ndindex(values.shape[:2])
        },
    )
    row = one(found, Metric("m", "m", higher))
    chosen = [values[i, r][np.argmin(objective[i, r])] for i, r in np.ndindex(values.shape[:2])]
    best = values.max(axis=2) if higher else values.min(axis=2)
    assert row.mean["m"] == pytest.approx(values.mean(), abs=1e-6)
    assert row.best["m"] == pytest.approx(best.mean(), abs=1e-6)
    assert row.selected["m"] == pytest.approx(np.mean(chosen), abs=1e-6)
    ends = row.ci["m"]
    if len(values) < 2:
        assert ends is None
    else:
        assert ends is not None
        per_image = values.mean(axis=(2,))
        assert per_image.min() - 1e-6 <= ends[0] <= ends[1] <= per_image.max() + 1e-6
    assert (len(row.complete), row.missing, row.notes) == (len(values), 0, ())


def test_frames_and_costs() -> None:
    frames = {"original": {"l1": (1.0, 2.0)}, "aligned": {"l1": (3.0, 5.0)}}
    ok = Record("ab", "ok", objective=(1.0, 2.0), metrics=frames, ledger={"passes": 7})
    row = one(cells("adam", {("a", 0): ok}))
    assert row.aligned == {"l1": 4.0}
    assert row.unmasked == {"l1": None}
    assert (row.passes, row.seconds) == (7.0, None)


# Holes


def test_means_are_over_images_whose_every_repeat_is_ok() -> None:
    bad = Record("ab", "failed", "ValueError: boom\nand a traceback")
    slow = Record("ab", "timeout", ledger={"passes": 10**9})
    found = cells(
        "adam",
        {
            ("a", 0): simple(1.0), ("a", 1): simple(3.0),
            ("b", 0): simple(100.0), ("b", 1): bad,
            ("c", 0): slow, ("c", 1): None,
        },
    )  # fmt: skip
    row = one(found)
    assert row.mean == {"l1": 2.0}
    assert row.complete == {"a"}
    assert row.partial
    assert row.missing == 3
    assert row.passes == 10
    assert row.notes == (
        "over 1 of 3 images", "1 failed: ValueError: boom", "1 timeout", "1 not run yet",
    )  # fmt: skip


def test_rows_over_fewer_images_are_last_unranked_and_said_so() -> None:
    bad = Record("ab", "diverged", "not finite")
    whole = {(name, 0): simple(2.0) for name in "abc"}
    lucky = {("a", 0): simple(1.0), ("b", 0): bad, ("c", 0): bad}
    found = board(cells("lucky", lucky) + cells("adam", whole) + cells("twin", whole))
    assert [(row.labels[4], row.rank, row.comparable) for row in found.rows] == [
        ("adam", 1, True), ("twin", 1, True), ("lucky", None, False),
    ]  # fmt: skip
    assert found.places("mean", "l1") == {0: 1, 1: 1}
    assert "rows cover different images" in " ".join(found.notes)
    assert "2 diverged: not finite" in found.rows[2].notes


def test_rows_that_all_lack_the_same_image_are_compared() -> None:
    bad = Record("ab", "failed", "x")
    found = board(
        cells("adam", {("a", 0): simple(1.0), ("b", 0): bad})
        + cells("cma", {("a", 0): simple(2.0), ("b", 0): bad})
    )
    assert [row.rank for row in found.rows] == [1, 2]
    assert not any("different images" in note for note in found.notes)
    assert all("over 1 of 2 images" in row.notes for row in found.rows)


def test_a_row_without_an_ok_cell_stays_with_nulls() -> None:
    found = board(
        cells("broken", {("a", 0): Record("ab", "failed", "x")})
        + cells("absent", {("a", 0): Record("ab", "skipped", "needs a class")})
        + cells("adam", {("a", 0): simple(1.0)})
    )
    assert [row.labels[4] for row in found.rows] == ["adam", "broken", "absent"]
    plain = found.to_json()["rows"][2]
    assert plain["mean"] == plain["best"] == plain["selected"] == plain["ci"] == {"l1": None}
    assert (plain["images"], plain["missing"], plain["passes"]) == (0, 1, None)
    assert plain["notes"][:2] == ["no image is complete", "1 skipped: needs a class"]


def test_no_candidate_is_dropped_from_a_mean() -> None:
    holed = record({"l1": (1.0, None, 2.0)}, (3.0, 1.0, 0.5))
    row = one(cells("adam", {("a", 0): holed, ("b", 0): simple(1.0)}))
    assert row.mean == row.best == {"l1": None}
    assert row.ci == {"l1": None}
    assert row.selected == {"l1": 1.5}  # the selected ones are finite
    assert row.notes == ("l1: not finite in 1 of 2 cells",)


def test_a_metric_without_weights_is_null_with_one_note() -> None:
    why = {"lpips-alex": "weights not found; p2lbench weights fetch lpips-alex"}
    found = board(
        cells("adam", {(name, 0): record({"l1": (1.0,) * 3}, missing=why) for name in "ab"}),
        L1,
        Metric("lpips-alex", "LPIPS-Alex"),
    )
    assert found.rows[0].mean == {"l1": 1.0, "lpips-alex": None}
    assert found.rows[0].notes == ()
    note = "lpips-alex: weights not found; p2lbench weights fetch lpips-alex"
    assert found.notes.count(note) == 1
    assert found.to_json()["rows"][0]["notes"].count(note) == 1


def test_a_metric_that_some_cells_lack_is_null_and_says_so() -> None:
    why = {"p": "weights not found"}
    found = {
        ("a", 0): record({"l1": (1.0,), "p": (1.0,)}),
        ("b", 0): record({"l1": (1.0,)}, missing=why),
    }
    row = one(cells("adam", found), L1, Metric("p", "p"))
    assert row.mean == {"l1": 1.0, "p": None}
    assert row.notes == ("p: not computed in 1 of 2 cells; run the suite again",)


def test_repeats_cut_short_by_a_limit_weigh_images_equally() -> None:
    found = {("a", 0): simple(1.0), ("a", 1): simple(3.0), ("b", 0): simple(4.0)}
    row = one(cells("adam", found))
    assert row.mean == {"l1": 3.0}
    assert row.ci["l1"] == pytest.approx((2.0, 4.0))


def test_records_remarks_and_mixed_environments_are_noted() -> None:
    def ran(**environment: str) -> Record:
        return record({"l1": (1.0,)}, environment=environment, notes=("budget ended it",))

    found = {
        ("a", 0): ran(torch="2.9", device="cuda:0"),
        ("b", 0): ran(torch="2.8", device="cuda:1"),
        ("c", 0): simple(1.0),
    }
    result = board(cells("adam", found))
    assert result.notes[-1] == "cells differ in torch: 2.8, 2.9"
    assert not any("device" in note for note in result.notes)
    assert result.rows[0].notes == ("budget ended it (2 of 3 cells)",)


# Ranking


def both(l1: float, **others: float) -> Record:
    return record({"l1": (l1,) * 3, **{k.replace("_", "-"): (v,) * 3 for k, v in others.items()}})


def test_ranked_by_selected_on_a_held_out_perceptual_metric() -> None:
    found = cells("a", {("i", 0): both(1.0, psnr=1.0, percep_heldout=2.0)}) + cells(
        "b", {("i", 0): both(2.0, psnr=2.0, percep_heldout=1.0)}
    )
    result = board(found, L1, PSNR, HELD)
    assert (result.ranked_on, result.held_out) == ("percep-heldout", True)
    assert [row.labels[4] for row in result.rows] == ["b", "a"]
    assert result.optimised == {"l1"}
    by_psnr = board(found, L1, PSNR)
    assert by_psnr.ranked_on == "psnr"
    assert by_psnr.rows[0].labels[4] == "b"  # higher is better


def test_lpips_comes_before_pixels_unless_some_row_optimised_it() -> None:
    suite = SuiteInfo("s", 3, 1, "paper", {"l1": ("l1",), "p": ("lpips-alex",)})
    lpips = Metric("lpips-alex", "LPIPS")
    found = cells("a", {("i", 0): both(1.0, psnr=1.0, lpips_alex=2.0)})
    assert board(found, L1, PSNR, lpips, suite=suite).ranked_on == "lpips-alex"
    more = found + cells("a", {("i", 0): both(1.0, psnr=1.0, lpips_alex=2.0)}, loss="p")
    assert board(more, L1, PSNR, lpips, suite=suite).ranked_on == "psnr"


@pytest.mark.parametrize(
    ("loss", "metric"), [("l1", "mae"), ("l2", "mse"), ("l2", "psnr"), ("mae", "l1")]
)
def test_the_same_quantity_in_another_scale_is_not_held_out(loss: str, metric: str) -> None:
    suite = SuiteInfo("s", 3, 1, "paper", {"x": (loss,)})
    found = cells("a", {("i", 0): record({metric: (1.0,) * 3})}, loss="x")
    result = board(found, Metric(metric, metric), suite=suite)
    assert not result.held_out
    assert "ranked on an optimised metric" in result.notes[0]


def test_a_metric_that_rows_lack_does_not_rank() -> None:
    found = cells("a", {("i", 0): both(1.0, percep_heldout=2.0)}) + cells(
        "b", {("i", 0): both(2.0)}
    )
    assert board(found, L1, HELD).ranked_on == "l1"


def test_ties_as_printed_are_ties() -> None:
    found: Found = []
    for name, value in {"a": 0.20004, "b": 0.2, "c": 0.3, "d": 0.3001}.items():
        found += cells(name, {("i", 0): simple(value)})
    result = board(found)
    assert [row.labels[4] for row in result.rows] == ["b", "a", "c", "d"]
    assert [row.rank for row in result.rows] == [1, 1, 3, 3]
    assert result.places("mean", "l1") == {0: 1, 1: 1, 2: 2, 3: 2}


def test_within_ties_and_without_ranks_the_better_value_comes_first() -> None:
    bad = Record("ab", "failed", "x")
    found: Found = []
    for name, value in {"a": 20.001, "b": 20.002}.items():
        found += cells(name, {(i, 0): both(1.0, psnr=value) for i in "ij"})
    for name, value in {"c": 30.0, "d": 31.0}.items():
        found += cells(name, {("i", 0): both(1.0, psnr=value), ("j", 0): bad})
    result = board(found, L1, PSNR)
    assert [(row.labels[4], row.rank) for row in result.rows] == [
        ("b", 1), ("a", 1), ("d", None), ("c", None),
    ]  # fmt: skip


def test_nothing_to_show() -> None:
    empty = board([])
    assert (empty.rows, empty.ranked_on) == ((), None)
    assert empty.to_json() == {
        "suite": "s", "candidates": 3, "ranked_on": None, "baseline": None, "targets": None,
        "discrimination": None, "rows": [],
    }  # fmt: skip
    no_metrics = build(cells("adam", {("i", 0): simple(1.0)}), [], SUITE)
    assert no_metrics.rows[0].mean == {}


def test_an_unknown_loss_is_an_error_not_a_guess() -> None:
    with pytest.raises(KeyError):
        board(cells("adam", {("i", 0): simple(1.0)}, loss="other"))


# Printing numbers


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ((0.2345, 1.5), ("0.234", "1.500")),
        ((0.0712, 0.3), ("0.0712", "0.3000")),
        ((18.2134, 20.0), ("18.21", "20.00")),
        ((0.00012, 0.5), ("1.2e-04", "0.5000")),
        ((0.0, 2.5e7), ("0.00", "2.5e+07")),
        ((-0.5, 0.5), ("-0.500", "0.500")),
    ],
)
def test_numbers_as_text(values: tuple[float, ...], texts: tuple[str, ...]) -> None:
    digits = decimals(values)
    assert tuple(as_text(value, digits) for value in values) == texts


def test_decimals_of_nothing() -> None:
    assert decimals([None, None]) == 2


# JSON and the store


def test_json_is_the_contracts() -> None:
    found = cells("adam", {(name, 0): both(1.0, psnr=float(k)) for k, name in enumerate("ab")})
    plain = json.loads(json.dumps(board(found, L1, PSNR).to_json(), allow_nan=False))
    assert list(plain) == [
        "suite", "candidates", "ranked_on", "baseline", "targets", "discrimination", "rows",
    ]  # fmt: skip
    (row,) = plain["rows"]
    assert list(row) == [
        "generator", "loss", "transform", "init", "optimizer", "settings", "reference", "rank",
        "ranks", "pareto", "effect", "images", "mean", "best", "selected", "best_of_k", "ci",
        "frames", "diagnostics", "classes", "profile", "targets", "passes", "seconds", "missing",
        "notes",
    ]  # fmt: skip
    assert [row[axis] for axis in list(row)[:5]] == ["g", "l1", "none", "gt", "adam"]
    assert (row["images"], row["missing"], row["passes"], row["seconds"]) == (2, 0, 10.0, 2.0)
    assert row["mean"] == {"l1": 1.0, "psnr": 0.5}
    assert row["ci"]["psnr"] == [0.0, 1.0]
    assert set(row["frames"]) == {"aligned", "unmasked"}


def test_from_a_results_folder(tmp_path: Path) -> None:
    info = SuiteInfo("quick", 3, 1, "equal", {"l1": ("l1",)}, {"passes": 100}, ("a note",))
    with Store.create_or_open(tmp_path / "quick", "quick") as store:
        with pytest.raises(StoreError, match="no run has been planned"):
            load(store)
        store.set_header(info.plain())
        store.set_metrics([vars(L1)])
        store.set_plan([PlanRow(("g", "l1", "none", "gt", "adam"), "a", 0, "ab")])
        store.put(simple(1.5))
    with Store.open_read(tmp_path / "quick") as store:
        result = load(store)
    assert result.suite == info
    assert result.rows[0].mean == {"l1": 1.5}
    assert result.notes[0] == "a note"
