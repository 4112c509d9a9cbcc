"""Passes to frozen targets, from records to the leaderboard's JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from p2lbench.leaderboard import Leaderboard, Metric, Row, SuiteInfo, build
from p2lbench.record import Record, Trace
from p2lbench.runtimes import Frozen, RowTargets, Runtimes
from p2lbench.stats import Steps
from p2lbench.store import PlanRow

SUITE = SuiteInfo("s", 2, 1, "paper", {"l1": ("l1",), "l2": ("l2",)})
TARGETS = {"a": (4.0, 2.0), "b": (8.0, 1.0)}
Path = Sequence[tuple[int, float]]  # passes, best so far of the first candidate
NAN = float("nan")


def labels(optimizer: str, loss: str = "l1") -> tuple[str, str, str, str, str]:
    return ("g", loss, "none", "gt", optimizer)


def record(path: Path, returned: float, spent: float) -> Record:
    """The second candidate has no evaluation and returns what nobody selects."""
    passes, best = zip(*path, strict=True)
    trace = Trace(passes, (0.0,) * len(passes), tuple((value, NAN) for value in best))
    metrics = {"original": {"m": (returned, returned)}}
    ledger = {"passes": spent, "seconds": 1.0}
    objective = (returned, None)
    return Record("ab", "ok", objective=objective, metrics=metrics, ledger=ledger, trace=trace)


FAILED = Record("ab", "failed", "x")


def board(
    cells: Mapping[tuple[str, str, int], Record | None],
    traced: bool = True,
    targets: Mapping[str, tuple[float, ...]] = TARGETS,
    objective: Mapping[str, int] | None = None,
) -> Leaderboard:
    """Of optimizer, image, repeat → record."""
    numbers = objective or {}
    rows = tuple(
        RowTargets(labels(name), numbers.get(name, 0), traced)
        for name in dict.fromkeys(name for name, _, _ in cells)
    )
    frozen = Frozen("f" * 64, 2, (targets,) * (1 + max(numbers.values(), default=0)), rows)
    found = [
        (PlanRow(labels(name), image, k, "ab"), one) for (name, image, k), one in cells.items()
    ]
    return build(found, [Metric("m", "m")], replace(SUITE, targets=frozen))


def of(table: Leaderboard, optimizer: str) -> Runtimes:
    (row,) = [row for row in table.rows if row.labels[4] == optimizer]
    return sure(row)


def sure(row: Row) -> Runtimes:
    assert row.runtimes is not None
    return row.runtimes


QUICK = record([(10, 3.0), (100, 0.9)], 0.9, 100)
SLOW = record([(10, 9.0), (100, 3.5)], 3.5, 100)


def test_worked_by_hand() -> None:
    """On a: 4 after 10 and 2 after 100 against 4 after 100; on b: 8 and 1 against 8 after 100."""
    table = board({(name, image, 0): one for name, one in (("quick", QUICK), ("slow", SLOW))
                   for image in "ab"})  # fmt: skip
    quick, slow = of(table, "quick"), of(table, "slow")
    assert quick.ecdf == Steps((10.0, 100.0), (0.5, 1.0))
    assert slow.ecdf == Steps((100.0,), (0.5,))
    assert quick.profile == Steps((1.0,), (1.0,))
    assert slow.profile == Steps((10.0,), (0.5,))
    assert (quick.every.runs, quick.every.reached, quick.every.success) == (2, 1.0, (1.0, 1.0))
    assert slow.every.success == (1.0, 0.0)
    assert quick.every.expected == (10.0, 100.0)
    assert slow.every.expected == (100.0, None)
    assert quick.area == pytest.approx((0.5 + 0) / 2)  # log 10 / log 100; the end counts 0
    assert (quick.rank, slow.rank) == (1, 2)
    assert quick.every == quick.complete


def test_failures_are_never_reached_and_the_complete_numbers_stand_beside() -> None:
    table = board({("one", "a", 0): QUICK, ("one", "b", 0): FAILED, ("one", "b", 1): QUICK,
                   ("two", "a", 0): QUICK, ("two", "b", 0): QUICK, ("two", "b", 1): QUICK,
                   ("bad", "a", 0): FAILED, ("bad", "b", 0): None, ("bad", "b", 1): FAILED,
                   })  # fmt: skip
    one, two, bad = (of(table, name) for name in ("one", "two", "bad"))
    assert (one.every.runs, one.every.reached) == (3, pytest.approx(2 / 3))
    # The failed run is taken to have cost what the costliest of the row did.
    assert one.every.expected == ((10 + 10 + 100) / 2, (100 + 100 + 100) / 2)
    assert one.complete is not None
    assert (one.complete.runs, one.complete.reached) == (1, 1.0)
    assert (two.rank, one.rank, bad.rank) == (1, 2, 3)
    assert (bad.every.reached, bad.area, bad.complete) == (0, 0, None)
    assert bad.every.expected == (None, None)
    assert bad.ecdf == bad.profile == Steps((), ())


def test_what_was_seen_counts_as_does_what_was_returned() -> None:
    """The trace is the best so far; a method may return something else, also something better."""
    worse = record([(10, 1.0)], 5.0, 50)
    better = record([(10, 9.0)], 1.0, 50)
    table = board({("worse", "a", 0): worse, ("better", "a", 0): better})
    assert of(table, "worse").ecdf == Steps((10.0,), (1.0,))
    assert of(table, "better").ecdf == Steps((50.0,), (1.0,))


def test_a_start_that_is_returned_counts_one_pass() -> None:
    table = board({("none", "a", 0): record([(0, NAN)], 3.0, 0), ("slow", "a", 0): SLOW})
    assert of(table, "none").ecdf == Steps((1.0,), (0.5,))
    assert of(table, "slow").profile == Steps((100.0,), (0.5,))


def test_traces_of_another_frame_do_not_count() -> None:
    table = board({("warped", "a", 0): record([(10, 0.1)], 3.0, 50)}, traced=False)
    assert of(table, "warped").ecdf == Steps((50.0,), (0.5,))
    assert not of(table, "warped").traced


def test_rows_of_different_objectives_do_not_meet() -> None:
    table = board({("quick", "a", 0): QUICK, ("slow", "a", 0): SLOW},
                  objective={"quick": 0, "slow": 1})  # fmt: skip
    quick, slow = of(table, "quick"), of(table, "slow")
    assert (quick.rank, slow.rank) == (1, 1)
    assert slow.profile == Steps((1.0,), (0.5,))  # the quickest of its own


def test_json_has_targets_only_where_the_suite_has() -> None:
    table = board({("one", "a", 0): QUICK, ("one", "b", 0): SLOW})
    plain = json.loads(json.dumps(table.to_json(), allow_nan=False))
    assert plain["targets"] == {"sha256": "f" * 64, "levels": 2}
    (row,) = plain["rows"]
    assert list(row["targets"]) == [
        "rank", "area", "traced", "runs", "reached", "interval", "success", "expected", "complete",
        "ecdf", "profile",
    ]  # fmt: skip
    assert row["targets"]["ecdf"] == {"passes": [10.0, 100.0], "share": [0.25, 0.75]}
    assert list(row["targets"]["complete"]) == [
        "runs",
        "reached",
        "interval",
        "success",
        "expected",
    ]
    without = build([(PlanRow(labels("one"), "a", 0, "ab"), QUICK)], [Metric("m", "m")], SUITE)
    assert without.to_json()["targets"] is None
    assert without.to_json()["rows"][0]["targets"] is None


def test_the_header_keeps_them() -> None:
    frozen = Frozen("f" * 64, 2, (TARGETS,), (RowTargets(labels("one"), 0, False),))
    suite = replace(SUITE, targets=frozen)
    assert SuiteInfo.read(json.loads(json.dumps(suite.plain()))) == suite


def test_the_interval_of_the_share_covers_it() -> None:
    """Simulated: each of 20 images has its own chance, repeats share it; 0.5 on average."""
    rng, hits = np.random.default_rng(0), []
    for _ in range(60):
        cells = {
            ("one", f"i{i}", k): record([(1, 0.5 if rng.random() < p else 9.0)], 9.0, 10)
            for i, p in enumerate(rng.random(20)) for k in range(2)
        }  # fmt: skip
        found = of(board(cells, targets={f"i{i}": (1.0, 1.0) for i in range(20)}), "one").every
        assert found.interval is not None
        hits.append(found.interval[0] <= 0.5 <= found.interval[1])
    assert np.mean(hits) >= 0.88
