"""Effects against a baseline, intervals of ranks and the front, from records to every format."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import wilcoxon

from p2lbench.leaderboard import Leaderboard, Metric, SuiteInfo, build
from p2lbench.record import Record
from p2lbench.report.formats import as_csv, as_latex, as_markdown, as_table
from p2lbench.standing import Comparison
from p2lbench.store import PlanRow

SUITE = SuiteInfo("s", 1, 1, "paper", {"l1": ("l1",)}, baseline="adam")
METRIC = Metric("m", "m")
Found = list[tuple[PlanRow, Record | None]]
BAD = Record("ab", "failed", "x")


def record(value: float, passes: float = 10) -> Record:
    metrics = {"original": {"m": (value,)}}
    ledger = {"passes": passes, "seconds": 1.0}
    return Record("ab", "ok", objective=(1.0,), metrics=metrics, ledger=ledger)


def cells(
    optimizer: str,
    values: Sequence[float | Sequence[float] | None],
    transform: str = "none",
    passes: float = 10,
) -> Found:
    """A list per image has its repeats; None failed."""
    row = ("g", "l1", transform, "gt", optimizer)
    return [
        (PlanRow(row, f"i{i}", k, "ab"), BAD if value is None else record(value, passes))
        for i, repeats in enumerate(values)
        for k, value in enumerate(repeats if isinstance(repeats, Sequence) else [repeats])
    ]


def board(found: Found, metric: Metric = METRIC, **suite: Any) -> Leaderboard:
    return build(found, [metric], replace(SUITE, **suite))


def against(table: Leaderboard, optimizer: str, transform: str = "none") -> Comparison | None:
    (row,) = [r for r in table.rows if (r.labels[4], r.labels[2]) == (optimizer, transform)]
    return row.standing.against


def sure(found: Comparison | None) -> Comparison:
    assert found is not None
    return found


def drawn(images: int, seed: int = 0) -> list[float]:
    return [float(v) for v in np.exp(np.random.default_rng(seed).normal(size=images))]


def scaled(values: Sequence[float], factor: float, noise: float = 0.05) -> list[float]:
    around = np.random.default_rng(9).normal(0, noise, len(values))
    return [float(v * factor * math.exp(e)) for v, e in zip(values, around, strict=True)]


def test_a_row_is_compared_to_the_baseline_of_its_other_parts() -> None:
    table = board(
        cells("adam", [2.0, 2.0]) + cells("cma", [1.0, 4.0])
        + cells("adam", [1.0, 1.0], "spatial") + cells("cma", [4.0, 4.0], "spatial")
        + cells("cma", [1.0, 1.0], "color")
    )  # fmt: skip
    assert sure(against(table, "cma")).effect.value == pytest.approx(1)
    assert sure(against(table, "cma", "spatial")).effect.value == pytest.approx(4)
    assert against(table, "adam") is None
    assert against(table, "cma", "color") is None  # no adam there
    assert "against adam, on m: 2 pairs, 2 images" in table.notes[-1]


def test_without_a_baseline_nothing_is_compared() -> None:
    for baseline in (None, "absent"):
        table = board(cells("adam", [2.0, 2.0]) + cells("cma", [1.0, 4.0]), baseline=baseline)
        assert not table.shows_effects
        assert table.to_json()["baseline"] is None
        assert not any("against" in note for note in table.notes)
        assert "chance" not in as_table(table)
        assert "rank_low" in as_csv(table)


def test_repeats_are_paired_by_their_number() -> None:
    found = cells("adam", [[1.0, 8.0], [2.0, 2.0]]) + cells("cma", [[2.0, 2.0], [1.0, 1.0]])
    swapped = [*found[:4], found[5], found[4], *found[6:]]  # the order of records means nothing
    for one in (sure(against(board(cells_), "cma")).effect for cells_ in (found, swapped)):
        assert one.value == pytest.approx(0.5**0.75)
        assert (one.better, one.won, one.tied) == (0.75, 2, 0)


def test_repeats_that_were_cut_short_are_left_out_of_pairs() -> None:
    found = cells("adam", [[1.0, 1.0], [1.0]]) + cells("cma", [[2.0, 9.0], [2.0]])
    assert sure(against(board(found), "cma")).effect.value == pytest.approx(2)


def test_marks_follow_wilcoxon_and_holm() -> None:
    base = drawn(14)
    near = scaled(base, 0.97, 0.2)
    table = board(
        cells("adam", base) + cells("good", scaled(base, 0.8)) + cells("bad", scaled(base, 1.5))
        + cells("near", near)
    )  # fmt: skip
    good, bad, open_ = (sure(against(table, name)) for name in ("good", "bad", "near"))
    assert (good.mark, bad.mark, open_.mark) == ("better", "worse", None)
    assert open_.p == pytest.approx(wilcoxon(np.log(near) - np.log(base)).pvalue)
    assert good.p == pytest.approx(2 / 2**14)
    assert good.p_holm == pytest.approx(3 * 2 / 2**14)
    assert open_.p_holm == open_.p  # the largest
    assert "Holm's correction over the pairs" in table.notes[-1]


def test_pairs_that_cannot_be_tested_count() -> None:
    base = drawn(12)
    holed: list[float | None] = [None, *scaled(base, 0.5)[1:]]
    table = board(cells("adam", base) + cells("good", scaled(base, 0.8)) + cells("holed", holed))
    good, partial = sure(against(table, "good")), sure(against(table, "holed"))
    assert good.p is not None
    assert good.p_holm == pytest.approx(2 * good.p)
    assert (partial.effect.images, partial.p, partial.mark) == (11, None, None)


def test_an_incomplete_baseline_marks_nobody() -> None:
    base = drawn(14)
    holed: list[float | None] = [None, *base[1:]]
    table = board(cells("adam", holed) + cells("good", scaled(base, 0.5)))
    one = sure(against(table, "good"))
    assert (one.effect.images, one.mark) == (13, None)


def test_below_twelve_images_the_smallest_detectable_effect_is_told() -> None:
    base = drawn(11)
    table = board(cells("adam", base) + cells("good", scaled(base, 0.5)))
    one = sure(against(table, "good"))
    assert (one.p, one.p_holm, one.mark) == (None, None, None)
    assert one.detectable is not None
    assert 0.9 < one.detectable < 1
    assert f"detectable (5%, power 80%): ratio of {one.detectable:.2g}" in table.notes[-1]
    assert "below 12 no difference is called significant" in table.notes[-1]


@pytest.mark.parametrize(
    ("metric", "change", "scale", "mark"),
    [
        (METRIC, lambda v: v * 0.5, "ratio", "better"),
        (Metric("m", "m", True), lambda v: v + 1 + v / 100, "difference", "better"),
        (Metric("m", "m", True), lambda v: v - 1 - v / 100, "difference", "worse"),
        (METRIC, lambda v: v - 30 - v / 100, "difference", "better"),  # negative
    ],
)
def test_differences_where_a_ratio_makes_no_sense(
    metric: Metric, change: Callable[[float], float], scale: str, mark: str
) -> None:
    base = drawn(13)
    table = board(cells("adam", base) + cells("other", [change(v) for v in base]), metric)
    one = sure(against(table, "other"))
    assert (one.effect.scale, one.mark) == (scale, mark)
    assert one.effect.won == (13 if mark == "better" else 0)
    assert mark in as_table(table)
    assert f"{scale}: to adam with the same other parts" in as_table(table)


def test_classes_are_strata() -> None:
    base = [1.0] * 8
    ours = scaled([1.0] * 4 + [4.0] * 4, 0.5)
    found = cells("adam", base) + cells("cma", ours)
    classes = {f"i{i}": "a" if i < 4 else "b" for i in range(8)}
    plain, stratified = (
        sure(against(board(found, classes=c), "cma")).effect.interval for c in ({}, classes)
    )
    assert plain is not None
    assert stratified is not None
    assert stratified[1] / stratified[0] < plain[1] / plain[0] / 2


def test_ranks_have_intervals() -> None:
    base = drawn(14)
    table = board(
        cells("adam", base) + cells("twin", scaled(base, 1.0)) + cells("bad", scaled(base, 9.0))
    )
    standing = {row.labels[4]: row.standing.ranks for row in table.rows}
    assert standing == {"adam": (1, 2), "twin": (1, 2), "bad": (3, 3)}
    assert [row["ranks"] for row in table.to_json()["rows"]] == [[1, 2], [1, 2], [3, 3]]


def test_what_prints_alike_keeps_its_rank_in_the_interval() -> None:
    table = board(cells("adam", [0.2, 0.2]) + cells("cma", [0.20001, 0.20001]))
    assert [(row.rank, row.standing.ranks) for row in table.rows] == [(1, (1, 1)), (1, (1, 2))]


def test_rows_that_miss_images_have_neither_ranks_nor_a_place_on_the_front() -> None:
    table = board(cells("adam", [1.0, 1.0]) + cells("cma", [0.5, None], passes=1))
    first, last = (row.standing for row in table.rows)
    assert (first.ranks, first.on_front) == ((1, 1), True)
    assert (last.ranks, last.on_front) == (None, None)


def test_the_front() -> None:
    found = (
        cells("adam", [2.0], passes=10) + cells("cma", [1.0], passes=20)
        + cells("slow", [1.5], passes=30) + cells("quick", [9.0], passes=1)
    )  # fmt: skip
    table = board(found)
    front = {row.labels[4]: row.standing.on_front for row in table.rows}
    assert front == {"adam": True, "cma": True, "slow": False, "quick": True}
    higher = board(found, Metric("m", "m", True))
    assert [row.labels[4] for row in higher.rows if row.standing.on_front] == ["quick"]
    assert as_table(table).count("front\n") == 3


# Formats


@pytest.fixture
def table() -> Leaderboard:
    base = drawn(12)
    return board(cells("adam", base) + cells("good", scaled(base, 0.5)) + cells("x", base))


def test_the_terminals_table(table: Leaderboard) -> None:
    text = as_table(table, 80)
    assert max(map(len, text.splitlines())) <= 80
    second = text.split("chance")[1]
    good, adam, same = (
        next(line.split() for line in second.splitlines() if f" {name} " in line)
        for name in ("good", "adam", "x")
    )
    assert good[-1] == "better"
    assert good[6:9] == ["12", "of", "12"]
    assert adam[-1] == "baseline"
    assert same[2:] == [
        "1.000", "1.000", "to", "1.000", "0", "of", "12", "(12", "tied)", "50%", "1.000",
    ]  # fmt: skip


def test_markdown_and_latex(table: Leaderboard) -> None:
    text = as_markdown(table)
    rows = [line for line in text.split("| ratio |")[1].splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in rows[1:]}) == 1
    assert any("12 of 12" in line and line.endswith("better |") for line in rows)
    assert "against adam" in text
    assert "10° |" in text
    assert "against adam" in as_latex(table)


def test_csv_and_json(table: Leaderboard) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(table))))
    plain = table.to_json()
    assert (plain["ranked_on"], plain["baseline"]) == ("m", "adam")
    for row, told in zip(rows, plain["rows"], strict=True):
        assert [row["rank_low"], row["rank_high"]] == [str(end) for end in told["ranks"]]
        assert row["pareto"] == str(told["pareto"]).lower()
        effect = told["effect"]
        if told["optimizer"] == "adam":
            assert effect is None
            assert row["effect"] == row["effect_mark"] == ""
            continue
        assert float(row["effect"]) == effect["value"]
        assert [float(row["effect_low"]), float(row["effect_high"])] == effect["interval"]
        assert int(row["effect_won"]) == effect["won"]
        assert row["effect_mark"] == (effect["mark"] or "")


def test_a_single_image_has_no_interval() -> None:
    found = cells("adam", [2.0]) + cells("cma", [1.0])
    table = board(found)
    one = sure(against(table, "cma"))
    assert (one.effect.interval, one.detectable) == (None, None)
    assert "0.500" in as_table(table)
    assert table.to_json()["rows"][0]["effect"]["interval"] is None
    assert table.notes[-1].endswith("no difference is called significant")
