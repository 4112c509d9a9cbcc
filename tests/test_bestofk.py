"""Best-of-k curves of rows, from records and from a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from p2lbench.leaderboard import Metric, Row, SuiteInfo, build
from p2lbench.record import Record
from p2lbench.store import PlanRow

METRIC = Metric("m", "m")
LABELS = ("g", "l1", "none", "gt", "adam")
Values = Mapping[tuple[str, int], Sequence[float | None] | None]


def row(values: Values, uncoupled: bool = True, metric: Metric = METRIC) -> Row:
    found = []
    for (image, repeat), candidates in values.items():
        record = Record("ab", "failed", "x")
        if candidates is not None:
            metrics = {"original": {"m": tuple(candidates)}}
            record = Record("ab", "ok", objective=(1.0,) * len(candidates), metrics=metrics)
        found.append((PlanRow(LABELS, image, repeat, "ab"), record))
    suite = SuiteInfo("s", 3, 1, "paper", {"l1": ("l1",)}, uncoupled=(LABELS,) if uncoupled else ())
    (made,) = build(found, [metric], suite).rows
    return made


def curve(*args: Any, **more: Any) -> tuple[str, Any]:
    found = row(*args, **more).best_of_k
    assert found is not None
    return found.over, found.curves["m"]


def test_over_candidates_then_repeats_then_images() -> None:
    over, found = curve(
        {("a", 0): (3.0, 1.0, 2.0), ("a", 1): (6.0, 6.0, 6.0), ("b", 0): (0.0, 0.0, 0.0)}
    )
    assert over == "candidates"
    assert found == pytest.approx([(2 + 6) / 4, (4 / 3 + 6) / 4, (1 + 6) / 4])


def test_the_last_is_the_best_of_n() -> None:
    values: Values = {("a", 0): (3.0, 1.0, 2.0), ("b", 0): (5.0, 4.0, 9.0)}
    for higher in (False, True):
        made = row(values, metric=Metric("m", "m", higher))
        assert made.best_of_k is not None
        assert (made.best_of_k.curves["m"] or ())[-1] == made.best["m"]


def test_repeats_are_the_tries_of_coupled_candidates() -> None:
    values: Values = {("a", 0): (3.0, 1.0), ("a", 1): (5.0, 6.0), ("b", 0): (2.0, 2.0),
                      ("b", 1): (4.0, 8.0)}  # fmt: skip
    assert curve(values, uncoupled=False) == ("repeats", pytest.approx([3.0, 1.5]))
    higher = Metric("m", "m", True)
    assert curve(values, uncoupled=False, metric=higher) == (
        "repeats", pytest.approx([(4.5 + 5) / 2, (6 + 8) / 2]),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "uncoupled"),
    [
        ({("a", 0): (1.0, 2.0)}, False),  # one repeat
        ({("a", 0): (1.0,), ("b", 0): (2.0,)}, True),  # one candidate
        ({("a", 0): (1.0, 2.0), ("a", 1): (1.0, 2.0), ("b", 0): (1.0, 2.0)}, False),  # cut short
        ({("a", 0): None}, True),
    ],
)
def test_no_curve(values: Values, uncoupled: bool) -> None:
    assert row(values, uncoupled).best_of_k is None


def test_holes_leave_no_curve_and_incomplete_images_do_not_count() -> None:
    assert curve({("a", 0): (1.0, None), ("b", 0): (1.0, 2.0)}) == ("candidates", None)
    assert curve({("a", 0): None, ("b", 0): (1.0, 2.0)})[1] == pytest.approx([1.5, 1])


def test_the_header_keeps_which_rows_are_uncoupled() -> None:
    suite = SuiteInfo("s", 3, 1, "paper", {"l1": ("l1",)}, uncoupled=(LABELS,))
    assert SuiteInfo.read(json.loads(json.dumps(suite.plain()))) == suite
