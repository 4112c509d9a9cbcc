"""`p2lbench report`: where the page goes, what is in the way, what is imported."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.kit import called
from report.folders import Made

from p2lbench.cli import waiting
from p2lbench.errors import UserError
from p2lbench.report.html import page, writing
from p2lbench.store import Store

CODE = """
import sys
from p2lbench import cli
try:
    cli.app({!r})
except SystemExit:
    pass
print(*sys.modules)
"""


@pytest.fixture
def made(where: Path) -> Path:
    return Made(optimizers=("adam",), images=("bag",)).write(where)


def test_it_goes_into_the_folder(made: Path) -> None:
    ran = called("report", made)
    assert ran.code == 0
    assert ran.out.startswith(str(made / "report.html"))
    assert (made / "report.html").read_text("utf-8").startswith("<!doctype html>")
    assert ran.err == ""


def test_or_where_it_was_asked_for(made: Path, tmp_path: Path) -> None:
    file = tmp_path / "there.html"
    ran = called("report", made, "-o", file, "--json")
    assert ran.json == {"report": str(file), "bytes": file.stat().st_size}
    assert not (made / "report.html").exists()
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["there.html"]


def test_a_report_is_replaced_and_nothing_else(made: Path, tmp_path: Path) -> None:
    file = tmp_path / "there.html"
    assert called("report", made, "-o", file).code == 0
    assert called("report", made, "-o", file).code == 0
    file.write_text("my thesis")
    ran = called("report", made, "-o", file)
    assert (ran.code, ran.out) == (2, "")
    assert "is not a report of p2lbench" in ran.err
    assert file.read_text() == "my thesis"


@pytest.mark.parametrize(
    ("name", "said"),
    [("no/there.html", "there is no folder"), ("", "this is a folder"), ("x" * 300, "cannot be")],
)
def test_a_place_that_cannot_be_written(made: Path, tmp_path: Path, name: str, said: str) -> None:
    ran = called("report", made, "-o", tmp_path / name)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_a_write_that_fails_leaves_the_old_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "there.html"
    file.write_text("old")

    def full(*paths: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing.os, "replace", full)
    with pytest.raises(UserError, match="No space left on device"):
        writing.write(file, "new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_no_results_are_said(tmp_path: Path) -> None:
    ran = called("report", tmp_path)
    assert ran.code == 2
    assert "no results here" in ran.err


def test_it_says_how_far_it_is_when_it_takes_long(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_PATIENCE", 0.05)
    render = page.render

    def slow(store: Store, say: Callable[[str], None]) -> str:
        say("reading for long")
        time.sleep(0.5)
        text = render(store, say)
        time.sleep(0.1)
        say("nearly done")
        return text

    monkeypatch.setattr(page, "render", slow)
    said = called("report", made).err.splitlines()
    assert said[0] == "reading for long"  # while it lasted: the timer told it
    assert said[-1] == "nearly done"


def test_neither_help_nor_the_command_imports_torch(made: Path) -> None:
    for words, absent in (
        (["report", "--help"], {"torch", "plotly", "jinja2"}),
        (["report", str(made)], {"torch"}),
    ):
        done = subprocess.run(
            [sys.executable, "-c", CODE.format(words)], capture_output=True, text=True, check=True
        )
        assert "p2lbench" in done.stdout
        assert not absent & set(done.stdout.splitlines()[-1].split())
