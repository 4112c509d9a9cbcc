"""How well images tell rows apart, performance profiles and classes: from records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from p2lbench.leaderboard import Leaderboard, Metric, SuiteInfo, build
from p2lbench.record import Record
from p2lbench.report.formats import as_table
from p2lbench.stats import Steps
from p2lbench.store import PlanRow

SUITE = SuiteInfo("s", 1, 1, "paper", {"l1": ("l1",)})
METRIC = Metric("m", "m")


def board(
    rows: Mapping[str, Sequence[float | None]], metric: Metric = METRIC, **suite: Any
) -> Leaderboard:
    """Optimizer → a value per image, the mean of two repeats; None failed."""
    found = []
    for name, values in rows.items():
        for i, value in enumerate(values):
            for repeat in range(2):
                record = Record("ab", "failed", "x")
                if value is not None:
                    metrics = {"original": {"m": (value * (0.9 + 0.2 * repeat),)}}
                    ledger = {"passes": 1.0, "seconds": 1.0}
                    record = Record("ab", "ok", objective=(1.0,), metrics=metrics, ledger=ledger)
                found.append(
                    (PlanRow(("g", "l1", "none", "gt", name), f"i{i}", repeat, "a"), record)
                )
    return build(found, [metric], replace(SUITE, **suite))


def profile(table: Leaderboard, optimizer: str) -> Steps | None:
    (row,) = [row for row in table.rows if row.labels[4] == optimizer]
    return row.standing.profile


def close(found: Steps | None, at: Sequence[float], share: Sequence[float]) -> bool:
    assert found is not None
    return found.at == pytest.approx(at) and found.share == pytest.approx(share)


def test_profiles_are_of_the_selected_errors_over_images() -> None:
    table = board({"a": [1.0, 4.0], "b": [2.0, 2.0]})
    assert close(profile(table, "a"), (1, 2), (0.5, 1))
    assert close(profile(table, "b"), (1, 2), (0.5, 1))
    assert table.to_json()["rows"][0]["profile"] == {
        "ratio": pytest.approx([1, 2]), "share": [0.5, 1.0],
    }  # fmt: skip


def test_what_a_row_lacks_it_has_not_solved() -> None:
    table = board({"a": [1.0, 4.0, 1.0], "b": [2.0, None, 1.0], "c": [None, None, None]})
    assert close(profile(table, "b"), (1, 2), (1 / 3, 2 / 3))
    assert profile(table, "c") == Steps((), ())


def test_no_profile_where_ratios_say_nothing() -> None:
    assert profile(board({"a": [1.0, 4.0], "b": [2.0, 0.0]}), "a") is None
    assert profile(board({"a": [1.0], "b": [2.0]}, Metric("m", "m", True)), "a") is None


def test_images_that_agree_tell_rows_apart() -> None:
    table = board({"a": [1.0, 2.0, 3.0], "b": [2.0, 3.0, 4.0], "c": [9.0, 10.0, 11.0]})
    assert table.telling is not None
    told = table.telling.to_json()
    assert list(told) == [
        "metric", "rows", "images", "between", "noise", "reliability", "stability", "ties", "open",
    ]  # fmt: skip
    assert (told["metric"], told["rows"], told["images"]) == ("m", 3, 3)
    assert told["reliability"] == pytest.approx(1)
    assert (told["stability"], told["ties"]) == (1, 0)
    assert "how well 3 images tell 3 rows apart, on m: reliability 1.00" in " ".join(table.notes)
    assert "tell 3 rows apart" in " ".join(as_table(table).split())


def test_rows_that_are_the_same_are_not_told_apart() -> None:
    values = [float(v) for v in np.exp(np.random.default_rng(0).normal(size=12))]
    table = board({"a": values, "b": values, "c": [v + 9 for v in values]})
    assert table.telling is not None
    assert table.telling.ties == table.telling.open_pairs == pytest.approx(1 / 3)


def test_noise_leaves_all_open() -> None:
    rng = np.random.default_rng(1)
    rows = {name: [float(v) for v in 2 + rng.random(8)] for name in "abcdef"}
    table = board(rows)
    assert table.telling is not None
    assert table.telling.open_pairs > 0.9
    assert table.telling.found.stability < 0.6
    assert table.telling.found.reliability is not None
    assert table.telling.found.reliability < 0.7


def test_little_has_nothing_to_tell() -> None:
    assert board({"a": [1.0, 2.0]}).telling is None
    assert board({"a": [1.0], "b": [2.0]}).telling is None
    assert board({"a": [1.0, 2.0], "b": [None, 2.0]}).telling is None  # b has no rank
    two = board({"a": [1.0, 2.0], "b": [2.0, 2.5]})
    assert two.telling is not None
    assert not any("apart" in note for note in two.notes)


def test_higher_is_better_changes_nothing_of_how_well() -> None:
    rows = {"a": [1.0, 2.5, 3.0], "b": [2.0, 2.0, 4.0]}
    one, other = board(rows).telling, board(rows, Metric("m", "m", True)).telling
    assert one is not None
    assert other is not None
    assert one.found == other.found


def test_numbers_by_class() -> None:
    classes = {"i0": "bag", "i1": "bag", "i2": "shoe"}
    table = board({"a": [1.0, 3.0, 5.0, 100.0], "b": [2.0, None, None, 1.0]}, classes=classes)
    first, second = (row["classes"] for row in table.to_json()["rows"])
    assert first == {
        "bag": {"images": 2, "mean": {"m": 2.0}, "selected": {"m": 2.0}},
        "shoe": {"images": 1, "mean": {"m": 5.0}, "selected": {"m": 5.0}},
    }
    assert second == {"bag": {"images": 1, "mean": {"m": 2.0}, "selected": {"m": 2.0}}}
    assert board({"a": [1.0]}).to_json()["rows"][0]["classes"] == {}


def test_by_class_mean_and_selected_differ() -> None:
    record = Record(
        "ab", "ok", objective=(2.0, 1.0), metrics={"original": {"m": (1.0, 4.0)}},
        ledger={"passes": 1.0, "seconds": 1.0},
    )  # fmt: skip
    found = [(PlanRow(("g", "l1", "none", "gt", "a"), "i0", 0, "ab"), record)]
    (row,) = build(found, [METRIC], replace(SUITE, classes={"i0": "bag"})).rows
    assert (row.classes["bag"].mean, row.classes["bag"].selected) == ({"m": 2.5}, {"m": 4.0})
