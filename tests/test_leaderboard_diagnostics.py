"""Diagnostics from records to the leaderboard in all of its formats."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence

import pytest

from p2lbench import record_json
from p2lbench.leaderboard import Leaderboard, Metric, SuiteInfo, build
from p2lbench.record import Record
from p2lbench.report.formats import render
from p2lbench.store import PlanRow

SUITE = SuiteInfo("s", 2, 1, "paper", {"l1": ("l1",)})
Values = Mapping[str, Sequence[float | None]]


def record(status: str = "ok", **diagnostics: Sequence[float | None]) -> Record:
    values = (3.0, 1.0)  # the second candidate is selected
    frames = {"original": {"l1": values}}
    given = {name: tuple(found) for name, found in diagnostics.items()}
    return Record("ab", status, objective=values, metrics=frames, diagnostics=given)  # type: ignore[arg-type]


def board(*records: Record, init: str = "gt", more: Sequence[Record] = ()) -> Leaderboard:
    rows = [
        (PlanRow(("g", "l1", "spatial", name, "adam"), f"image {k}", 0, "ab"), found)
        for name, own in ((init, records), ("other", more))
        for k, found in enumerate(own)
    ]
    return build(rows, [Metric("l1", "l1")], SUITE)


def test_mean_over_candidates_and_the_selected_one_over_images() -> None:
    found = board(record(placement=(5, 1)), record(placement=(7, 3)))
    assert found.rows[0].diagnostics == {"placement": (4.0, 2.0)}
    assert found.to_json()["rows"][0]["diagnostics"] == {
        "mean": {"placement": 4.0},
        "selected": {"placement": 2.0},
    }


@pytest.mark.parametrize("hole", [{}, {"placement": (None, 1)}, {"placement": (1,)}])
def test_what_a_cell_lacks_is_left_out(hole: Values) -> None:
    found = board(record(placement=(5, 1), scale=(1, 1)), record(scale=(2, 2), **hole))
    assert set(found.rows[0].diagnostics) == {"scale"}


def test_cells_that_are_not_ok_count_for_nothing() -> None:
    found = board(record(placement=(5, 1)), record("failed", placement=(9, 9)))
    assert found.rows[0].diagnostics == {"placement": (3.0, 1.0)}


def test_they_are_shown_where_they_matter() -> None:
    classes = record(class_moved=(1, 1))
    assert not board(classes).shows_diagnostics
    assert board(classes, more=[classes]).shows_diagnostics  # several inits
    assert board(record(placement=(1, 1), class_moved=(1, 1))).shows_diagnostics
    assert not board(record(), more=[record()]).shows_diagnostics


def test_they_keep_their_order_whatever_the_rows_have() -> None:
    found = board(record(class_moved=(1, 1)), more=[record(coverage=(1, 1), scale=(1, 1))])
    assert found.diagnostics == ("coverage", "scale", "class_moved")


@pytest.mark.parametrize("width", [60, 100, 160])
def test_in_a_terminal(width: int) -> None:
    found = board(record(coverage=(0.5, 0.75), placement=(9, 1.25)), more=[record()])
    text = render(found, "table", width)
    assert max(map(len, text.splitlines())) <= width
    table = text[text.index("covered") :]
    assert "75%" in table
    assert "1.25" in table
    assert "—" in table  # the row that has none
    assert "pixels by which T misplaces the object" in " ".join(table.split())


def test_as_text() -> None:
    found = board(record(coverage=(0.5, 0.75), placement=(9, 1.25)), more=[record()])
    (first, second) = csv.DictReader(io.StringIO(render(found, "csv")))
    assert (first["mean.placement"], first["selected.placement"]) == ("5.125", "1.25")
    assert second["selected.coverage"] == ""
    markdown = render(found, "markdown")
    assert "| 75% | 1.25 |" in markdown
    assert "| — | — |" in markdown
    assert "Of the selected candidates: mask covered by the image" in markdown
    assert "placement" in json.loads(render(found, "json"))["rows"][0]["diagnostics"]["mean"]


def test_nothing_is_shown_of_a_plain_suite() -> None:
    plain = board(record(class_moved=(1, 1)))
    assert "class" not in render(plain, "table")
    assert "class" not in render(plain, "markdown")


def test_stored_and_read() -> None:
    made = record(placement=(5.5, None))
    assert record_json.load("ab", "ok", record_json.body(made)).diagnostics == made.diagnostics


def test_a_folder_from_before_there_were_any_is_read() -> None:
    plain = json.loads(record_json.body(record()))
    del plain["diagnostics"]
    assert record_json.load("ab", "ok", json.dumps(plain)).diagnostics == {}
