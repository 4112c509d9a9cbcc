"""Passes to targets as every format prints them."""

from __future__ import annotations

import csv
import io

from test_runtimes import FAILED, QUICK, SLOW, board

from p2lbench.leaderboard import Leaderboard
from p2lbench.report.attained import attained_cells, attained_heads
from p2lbench.report.formats import as_csv, as_markdown, as_table


def table(failed: bool = False) -> Leaderboard:
    cells = {("quick", "a", 0): QUICK, ("quick", "b", 0): QUICK, ("slow", "a", 0): SLOW}
    return board({**cells, ("slow", "b", 0): FAILED if failed else SLOW})


def test_columns() -> None:
    found = table()
    heads = [head.replace("\n", " ") for head in attained_heads(found)]
    assert heads == [
        "place",
        "targets reached",
        "95% interval",
        "passes to 1 of 2",
        "passes to 2 of 2",
    ]
    assert attained_cells(found, found.rows[0]) == ["1", "100%", "100% to 100%", "10", "100"]
    assert attained_cells(found, found.rows[1]) == ["2", "50%", "50% to 50%", "100", "never"]


def test_complete_images_stand_beside_where_some_are_missing() -> None:
    found = table(failed=True)
    assert attained_heads(found)[-1] == "complete\nimages"
    (slow,) = [row for row in found.rows if row.labels[4] == "slow"]
    cells = attained_cells(found, slow)
    assert (cells[1], cells[3], cells[-1]) == ("25%", "200", "50%")


def test_every_format() -> None:
    found = table()
    assert "| 1 | quick | 1 | 100% | 100% to 100% | 10 | 100 |" in as_markdown(found)
    text = " ".join(as_table(found).split())
    assert "of 2 frozen targets per image" in text
    assert "50% to 50%" in text
    (first, second) = csv.DictReader(io.StringIO(as_csv(found)))
    assert (first["targets_rank"], second["targets_rank"]) == ("1", "2")
    assert (second["targets_reached"], second["targets_area"]) == ("0.5", "0.0")


def test_without_targets_nothing_is_said() -> None:
    found = table()
    for row in found.rows:
        object.__setattr__(row, "runtimes", None)
    for text in (as_markdown(found), as_table(found), as_csv(found)):
        assert "target" not in text
