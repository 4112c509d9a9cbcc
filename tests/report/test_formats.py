"""json, csv, markdown, latex."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import pytest

from p2lbench.leaderboard import Leaderboard
from p2lbench.report.formats import FORMATS, render


def test_every_format_ends_its_last_line(board: Leaderboard) -> None:
    for form in FORMATS:
        text = render(board, form)
        assert text.endswith("\n")
        assert "\x1b" not in text
    with pytest.raises(ValueError, match="unknown format 'html'; expected one of table, json"):
        render(board, "html")


def test_an_empty_board_in_every_format(board: Leaderboard) -> None:
    empty = replace(board, rows=(), metrics=(), ranked_on=None, notes=())
    for form in FORMATS:
        assert render(empty, form)


def test_json(board: Leaderboard) -> None:
    assert json.loads(render(board, "json")) == json.loads(json.dumps(board.to_json()))


def test_csv(board: Leaderboard) -> None:
    rows = list(csv.DictReader(io.StringIO(render(board, "csv"))))
    assert [row["rank"] for row in rows] == ["1", "2", "", ""]
    assert float(rows[0]["mean.l1"]) == board.rows[0].mean["l1"]
    assert rows[0]["mean.lpips-alex"] == ""
    assert rows[1]["optimizer"].startswith("'=[bold]$x_1$")
    assert rows[0]["ci_low.l1"] != ""
    assert "weights not found" in rows[0]["notes"]
    assert not any(text.startswith(("=", "+", "-", "@")) for row in rows for text in row.values())


def test_markdown(board: Leaderboard) -> None:
    text = render(board, "markdown")
    table = [line for line in text.splitlines() if line.startswith("|")]
    cells = {len(re.findall(r"(?<!\\)\|", line)) for line in table}
    assert len(table) == 2 + 3 * len(board.rows)
    assert len(cells) == 1
    assert "| 1 | l1 | adam | mean | **0.350** |" in text
    assert r"=\[bold\]\$x\_1\$\[/bold\] \| &lt;b&gt;&amp;% 漢" in text
    assert "adam† |" in text
