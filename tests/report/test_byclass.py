"""Numbers by class, printed."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e.kit import called
from test_telling import board

from p2lbench.leaderboard import Leaderboard, Metric, SuiteInfo
from p2lbench.report.byclass import by_class
from p2lbench.store import Store

CLASSES = {"i0": "bag", "i1": "bag", "i2": "a|b [bold]"}


def table() -> Leaderboard:
    return board({"adam": [1.0, 3.0, 5.0], "cma": [2.0, None, 1.0]}, classes=CLASSES)


def test_markdown() -> None:
    lines = by_class(table(), "markdown").splitlines()
    assert lines[0].startswith("s: m by class, lower is better.")
    assert lines[2].count(" | ") == 3
    assert "a\\|b" in lines[2]
    assert "bag, 2 images" in lines[2]
    assert [line.split(" | ")[1:] for line in lines[4:]] == [
        ["mean", "5.00", "2.00 |"], ["selected", "5.00", "2.00 |"],
        ["mean", "1.00", "2.00† |"], ["selected", "1.00", "2.00† |"],
    ]  # fmt: skip


def test_in_a_terminal() -> None:
    text = by_class(table(), "table", 80)
    assert "[bold]" in text
    assert "2.00†" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_many_classes_are_not_cut_off() -> None:
    names = ("ankle boot", "pullover", "t-shirt/top", "trouser")
    classes = {f"i{k}": name for k, name in enumerate(names)}
    text = by_class(board({"cma+adam": [1.0, 2.0, 3.0, 4.0]}, classes=classes), "table", 42)
    assert all(name in text for name in names)
    assert text.count("cma+adam") == text.count("selected") == 2
    assert all(len(line) <= 42 for line in text.splitlines())


def test_nothing_to_show_and_other_forms() -> None:
    assert "no class of images" in by_class(board({"adam": [1.0]}), "table")
    with pytest.raises(ValueError, match="not 'csv'"):
        by_class(table(), "csv")


def test_the_command(tmp_path: Path) -> None:
    suite = SuiteInfo("quick", 1, 1, "paper", {"l1": ("l1",)}, classes=CLASSES)
    with Store.create_or_open(tmp_path / "quick", "quick") as store:
        store.set_header(suite.plain())
        store.set_metrics([vars(Metric("m", "m"))])
    assert "no class of images" in called("leaderboard", tmp_path / "quick", "--by", "class").out
    done = called("leaderboard", tmp_path / "quick", "--by", "class", "--format", "latex")
    assert (done.code, done.out) == (2, "")
    assert "table and markdown" in done.err
