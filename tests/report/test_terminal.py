"""The table in terminals of several widths."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from p2lbench.leaderboard import Leaderboard, Metric, Row
from p2lbench.report.formats import as_table
from p2lbench.report.terminal import LeaderboardView


def many(board: Leaderboard, count: int) -> Leaderboard:
    """The same with more metrics."""
    names = [f"percep-metric-{k}" for k in range(count)]

    def widened(row: Row) -> Row:
        value = dict.fromkeys(names, row.selected["l1"])
        return replace(row, mean=value, best=value, selected=value)

    metrics = tuple(Metric(name, name) for name in names)
    return replace(board, metrics=metrics, rows=tuple(map(widened, board.rows)), ranked_on=None)


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
@pytest.mark.parametrize("metrics", [0, 7, 15])
def test_fits_every_width_and_shows_everything(
    board: Leaderboard, width: int, metrics: int
) -> None:
    shown = many(board, metrics) if metrics else board
    text = as_table(shown, width)
    assert max(map(len, text.splitlines())) <= width
    table = text.split("mean: over")[0]
    assert "…" not in table
    for row in shown.rows:
        assert table.count(row.labels[4][:6].replace("\n", " ")) >= 1
    for metric in shown.metrics:
        if metric.name.startswith("percep-metric"):
            assert metric.name.rsplit("-", 1)[1] + " ↓" in table


def test_what_it_says(board: Leaderboard) -> None:
    text = as_table(board, 120)
    assert "quick · 3 images · 4 candidates · 1 repeat · protocol paper · 500 passes" in text
    assert "generator g · transform none · init gt" in text
    assert "psnr ↑" in text
    assert "heldout ↓" in text
    assert "best of 4" in text
    assert "Ranked by selected, on percep-fmnist-heldout, which no method optimised." in text
    assert "Optimised, directly or in effect: l1, psnr." in text
    assert "lpips-alex: weights not found; p2lbench weights fetch lpips-alex" in text
    assert "2 of 3 images" in text
    assert "0 of 3 images" in text
    assert "lpips-\n" not in text  # no column for what has no value
    first = next(line for line in text.splitlines() if line.startswith("1 "))
    assert "0.350*" in first  # mean l1 of (0.4, 0.2, 0.4, 0.4)
    assert "400" in first
    assert "2.5" in first


def test_users_text_does_not_act(board: Leaderboard) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, color_system="truecolor", width=110)
    console.print(LeaderboardView(board))
    assert "=[bold]$x_1$[/bold] |" in out.getvalue()
    assert "\x1b[31m%" not in out.getvalue()


def test_markup_in_a_suites_name_or_a_note_is_text(board: Leaderboard) -> None:
    named = replace(board.suite, name="[red]s[/red]")
    text = as_table(replace(board, suite=named, notes=("[/bold] [link=x]n",)))
    assert text.startswith("[red]s[/red] · ")
    assert "[/bold] [link=x]n" in text


def test_best_is_bold_where_there_are_colours_and_starred_elsewhere(board: Leaderboard) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, color_system="standard", width=110)
    console.print(LeaderboardView(board))
    assert "\x1b[1;32m0.350\x1b[0m" in out.getvalue()
    assert "0.350*" not in out.getvalue()


def test_a_terminal_that_knows_only_ascii(board: Leaderboard) -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    Console(file=file, width=100, color_system=None).print(LeaderboardView(board))
    file.flush()
    assert "psnr ^" in raw.getvalue().decode("ascii")


def test_notes_have_an_end(board: Leaderboard) -> None:
    noisy = replace(board, notes=tuple(f"note {k}" for k in range(40)))
    text = as_table(noisy)
    assert "note 11" in text
    assert "note 12" not in text
    assert "more notes: --format json" in text


def test_an_empty_board(board: Leaderboard) -> None:
    text = as_table(replace(board, rows=(), ranked_on=None, notes=()))
    assert text.startswith("quick · 0 images")


def test_long_names_stay_distinct(board: Leaderboard) -> None:
    names = [f"basin-{'very-' * 10}long-{k}" for k in (1, 2)]
    labels = [(*row.labels[:4], name) for row, name in zip(board.rows, names, strict=False)]
    rows = tuple(replace(row, labels=new) for row, new in zip(board.rows, labels, strict=False))
    text = as_table(replace(board, rows=rows, notes=()), 80)
    assert "long-1 " in text
    assert "long-2 " in text
