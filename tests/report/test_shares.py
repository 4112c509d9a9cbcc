"""Profiles and passes to targets as curves, and drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from p2lbench.errors import StoreError
from p2lbench.leaderboard import Leaderboard, Metric, SuiteInfo, build
from p2lbench.record import Record, Trace
from p2lbench.report.shares import draw_profiles, draw_runtimes, profile_charts, runtime_charts
from p2lbench.runtimes import Frozen, RowTargets
from p2lbench.store import PlanRow

HOSTILE = "_[bold]$x_1$[/bold]\x1b[31m 漢"
ROWS = [("l1", "adam", 4.0), ("l1", HOSTILE, 2.0), ("l2", "adam", 3.0)]


def labels(loss: str, optimizer: str) -> tuple[str, str, str, str, str]:
    return ("g", loss, "none", "gt", optimizer)


def board(targets: bool = True, fails: bool = False) -> Leaderboard:
    found, metric = [], Metric("m", "m")
    for loss, name, value in ROWS:
        metrics = {"original": {"m": (value,)}}
        trace = Trace((10, 100), (0.0, 0.0), ((2 * value,), (value,)))
        record = Record("ab", "ok", objective=(value,), metrics=metrics,
                        ledger={"passes": 100.0, "seconds": 1.0}, trace=trace)  # fmt: skip
        if fails:
            record = Record("ab", "failed", "x")
        found += [(PlanRow(labels(loss, name), image, 0, "ab"), record) for image in "ab"]
    values = {"a": (4.0, 2.0), "b": (4.0, 2.0)}
    rows = tuple(RowTargets(labels(x, y), x == "l2", x == "l1") for x, y, _ in ROWS)
    frozen = Frozen("f" * 64, 2, (values, values), rows) if targets else None
    suite = SuiteInfo("s", 1, 1, "paper", {"l1": ("l1",), "l2": ("l2",)})
    return build(found, [metric], replace(suite, targets=frozen))


def test_objectives_do_not_mix() -> None:
    one, other = runtime_charts(board())
    assert [len(chart.curves) for chart in (one, other)] == [2, 1]
    assert [chart.title for chart in (one, other)] == [
        "generator g · objective l1", "generator g · objective l2",
    ]  # fmt: skip
    assert (one.note, other.note != "") == ("", True)  # the l2 row has no trace of its objective


def test_curves_are_those_of_the_table() -> None:
    table = board()
    one, _ = runtime_charts(table)
    curve = next(c for c in one.curves if table.rows[c.row].labels[4] == "adam")
    assert curve.x.tolist() == pytest.approx([1, 100, 110])
    assert curve.share.tolist() == [0, 0.5, 0.5]
    errors = profile_charts(table)[0]
    assert errors.x_label.startswith("m of the selected candidate")
    by_row = {table.rows[c.row].labels[1:5:3]: c for c in errors.curves}
    assert by_row["l1", "adam"].x.tolist() == pytest.approx([1, 2, 2.1])
    assert by_row["l1", "adam"].share.tolist() == [0, 1, 1]
    assert by_row["l1", HOSTILE].share.tolist() == [1, 1]
    assert [chart.y_label for chart in profile_charts(table)[1:]] == ["share of targets"] * 2


@pytest.mark.parametrize("suffix", [".png", ".pdf"])
@pytest.mark.parametrize("fails", [False, True])
def test_drawn(tmp_path: Path, suffix: str, fails: bool) -> None:
    table = board(fails=fails)
    for draw in (draw_runtimes, draw_profiles):
        path = draw(tmp_path / f"x{suffix}", table)
        assert path.stat().st_size > 5_000
        again = draw(tmp_path / f"y{suffix}", table)
        assert path.read_bytes() == again.read_bytes()
        if suffix == ".png":
            with Image.open(path) as image:
                assert image.width == 1260


def test_without_targets_there_is_nothing_of_them() -> None:
    table = board(targets=False)
    assert runtime_charts(table) == []
    assert len(profile_charts(table)) == 1
    with pytest.raises(ValueError, match="nothing to draw"):
        draw_runtimes(Path("x.png"), table)


def test_where_nothing_can_be_written() -> None:
    with pytest.raises(StoreError):
        draw_profiles(Path("/proc/nowhere/x.png"), board())
