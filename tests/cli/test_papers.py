"""From a results folder to a paper, as a user calls it: cite, compare, export, figures, LaTeX."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from e2e.kit import called, written

from p2lbench.cli import waiting

COMMANDS = ("cite", "compare", "export", "figures", "leaderboard", "project")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run's results."""
    place = tmp_path_factory.mktemp("papers")
    optimizers = [{"adam": {"steps": 3}}, {"cma": {"steps": 2}}]
    suite = written(place, optimizers=optimizers)
    done = called("run", suite, "--results", place / "results", "--executor", "inline")
    assert done.code == 0, done.err
    return place / "results" / "s"


def test_latex(folder: Path) -> None:
    done = called("leaderboard", folder, "--format", "latex", "--metric", "psnr", "--tabular")
    assert done.code == 0
    assert r"\begin{tabular}" in done.out
    assert "Average of 2 seeds" in done.out
    wrong = called("leaderboard", folder, "--intervals")
    assert (wrong.code, wrong.out) == (2, "")
    assert "for --format latex alone" in wrong.err


def test_cite(folder: Path) -> None:
    of_folder, of_suite = called("cite", folder), called("cite", folder.parent.parent / "s.yaml")
    assert of_folder.out == of_suite.out
    assert "@inproceedings{kingma2015adam," in of_folder.out
    assert "hansen2001completely" in of_folder.out
    assert called("cite", folder.parent).code == 2
    assert called("cite", "nosuch").code == 2


@pytest.mark.parametrize(("per", "lines"), [("value", 2 * 2 * 3 * 2), ("cell", 2)])
def test_export(folder: Path, tmp_path: Path, per: str, lines: int) -> None:
    path = tmp_path / "x.parquet"
    done = called("export", folder, "--to", "parquet", "--per", per, "-o", path)
    assert (done.code, done.out) == (0, "")
    frame = pl.read_parquet(path)
    assert len(frame.filter(pl.col("frame") != "diagnostics") if per == "value" else frame) == lines
    assert called("export", folder, "--to", "csv", "--per", per).code == 0
    assert called("export", folder, "--to", "csv", "--per", per).code == 0
    assert (folder / f"{per}s.csv").is_file()
    assert called("export", folder, "--to", "parquet", "-o", path).code == 0


@pytest.mark.parametrize("to", ["csv", "parquet"])
def test_export_overwrites_exports_alone(folder: Path, tmp_path: Path, to: str) -> None:
    mine = tmp_path / f"mine.{to}"
    mine.write_text("my,own,numbers\n")
    done = called("export", folder, "--to", to, "-o", mine)
    assert (done.code, mine.read_text()) == (2, "my,own,numbers\n")
    assert "is no export of p2lbench. Give another file with -o" in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("export", "{}", "--to", "csv", "-o", "/no/such/x.csv"), "there is no folder /no/such"),
        (("export", "{}", "--to", "csv", "-o", "/"), "expected a file, got the folder /"),
        (("export", "{}", "--to", "csv", "-o", "results.db"), "expected a file that ends in .csv"),
        (("export", "/no/such", "--to", "csv"), "no results here"),
        (("compare", "{}", "/no/such"), "no results here"),
        (("compare", "{}", "{}", "--metric", "pnsr"), "Did you mean 'psnr'?"),
        (("figures", "/no/such"), "no results here"),
        (("leaderboard", "{}", "--format", "latex", "--metric", "x"), "no metric 'x' here"),
    ],
)
def test_what_is_wrong_is_said(folder: Path, words: tuple[str, ...], said: str) -> None:
    done = called(*(str(folder) if word == "{}" else word for word in words))
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err


def test_compare(folder: Path) -> None:
    done = called("compare", folder, folder, "--json")
    assert done.code == 0
    told = done.json
    assert [row["optimizer"] for row in told["rows"]] == ["adam", "cma"]
    assert told["rows"][0]["metrics"]["l1"]["effect"]["value"] == 1
    assert told["images"] == 1
    assert "these are the same runs" in called("compare", folder, folder).out
    assert called("compare", folder, folder, "--format", "markdown").out.count("| row |") == 2


def test_figures(folder: Path, tmp_path: Path) -> None:
    done = called("figures", folder, "-o", tmp_path / "figures", "--format", "png")
    assert done.code == 0
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"grid.png", "pareto.png", "curves-passes.png", "curves-seconds.png"} <= names
    assert "not drawn" in done.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_imports_nothing_large(command: str) -> None:
    code = (
        "import sys\nfrom p2lbench.cli import app\n"
        f"try: app(['{command}', '--help'], prog_name='p2lbench')\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'polars', 'matplotlib', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_table_and_what_to_cite_need_no_torch(folder: Path) -> None:
    code = (
        "import sys\nfrom p2lbench.cli import app\n"
        "for words in (['leaderboard', '--format', 'latex'], ['cite']):\n"
        "    try: app([words[0], sys.argv[1], *words[1:]], prog_name='p2lbench')\n"
        "    except SystemExit: pass\n"
        "print([m for m in ('torch', 'polars') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_figures_say_how_far_they_are(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_PATIENCE", 0.0)
    done = called("figures", folder, "-o", folder.parent / "drawn", "--format", "png")
    assert done.code == 0
    assert "drawing figures: 6 done" in done.err
    assert "drawing" not in done.out


def test_cite_takes_no_missing_folder_for_a_suite(folder: Path) -> None:
    done = called("cite", folder.parent / "nosuch")
    assert (done.code, done.out) == (2, "")
    assert "there is no such folder or file" in done.err


def test_figures_go_into_a_folder(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "figures"
    file.write_text("mine")
    done = called("figures", folder, "-o", file)
    assert (done.code, done.out) == (2, "")
    assert "is a file; expected a folder" in done.err
