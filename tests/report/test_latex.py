"""The paper's table: what is in it, that its parts fit, and that LaTeX takes it."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from p2lbench.errors import UserError
from p2lbench.leaderboard import Leaderboard
from p2lbench.report.latex import Latex, as_latex

PDFLATEX = shutil.which("pdflatex")


def lines_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("%")]


def table(text: str) -> list[str]:
    """The lines of the tabular that have cells."""
    return [line for line in lines_of(text) if line.endswith(r"\\")]


def columns(line: str) -> int:
    """How many columns a line fills."""
    spans = sum(int(n) - 1 for n in re.findall(r"\\multicolumn\{(\d+)\}", line))
    return 1 + len(re.findall(r"(?<!\\)&", line)) + spans


def check_structure(text: str) -> None:
    stack: list[str] = []
    for verb, name in re.findall(r"\\(begin|end)\{([a-z*]+)\}", text):
        if verb == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    assert not stack
    (declared,) = re.findall(r"\\begin\{tabular\}\{@\{\}([lcr]+)@\{\}\}", text)
    assert {columns(line) for line in table(text)} == {len(declared)}
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")


def ours(board: Leaderboard, **rows: str) -> Leaderboard:
    """Rows of one loss, an axis each replaced by names in turn."""
    (axis, names), = [(int(k[1:]), v.split()) for k, v in rows.items()]  # fmt: skip
    made = []
    for row, name in zip(board.rows, names, strict=False):
        labels = ["g", "l1", "none", "gt", "adam"]
        labels[axis] = name
        made.append(replace(row, labels=tuple(labels)))
    return replace(board, rows=tuple(made))


def test_the_float(board: Leaderboard) -> None:
    text = as_latex(board)
    check_structure(text)
    assert text.startswith("% needs \\usepackage{booktabs}, lualatex")
    assert "% without a column: lpips-alex" in text
    assert r"\begin{table}[t]" in text
    assert r"\label{tab:quick}" in text
    assert "Average and best of 4 seeds per image" in text
    assert r"\multicolumn{3}{c}{Average of 4 seeds} & \multicolumn{3}{c}{Best of 4 seeds}" in text
    assert r"\cmidrule(lr){2-4} \cmidrule(lr){5-7}" in text
    assert r"\multicolumn{2}{c}{Per-pixel}" in text


def test_marks_and_holes(board: Leaderboard) -> None:
    body = table(as_latex(board))
    assert any(line.startswith(r"adam & \textbf{0.350} &") for line in body)
    assert any(r"\underline{0.438}" in line for line in body)
    assert any(r"adam$^\dagger$ & 0.525" in line for line in body)  # misses images: no mark
    assert any(line.startswith(r"\_broken$^\dagger$ & -- & --") for line in body)
    assert any(
        line.startswith(r"=[bold]\$x\_1\$[/bold] \textbar{} \textless{}b\textgreater{}\&\% 漢 &")
        for line in body
    )
    assert r"$^\dagger$ not over all images.\par" in as_latex(board)


def test_ties_are_both_marked(board: Leaderboard) -> None:
    first, second, *rest = board.rows
    tied = replace(second, mean=first.mean)
    text = as_latex(replace(board, rows=(first, tied, *rest)))
    assert text.count(r"\textbf{0.350}") == 3 * 2  # three metrics with values, two rows


def test_losses_head_groups_of_rows(board: Leaderboard) -> None:
    text = as_latex(board)
    assert text.count(r"\midrule") == 2
    assert r"\multicolumn{8}{@{}l}{\emph{loss l1}} \\" in text


def test_parts_are_columns_of_marks(board: Leaderboard) -> None:
    parts = {"none": (), "spatial": ("spatial",), "spatial+color": ("spatial", "color")}
    made = ours(board, a2="none spatial spatial+color")
    made = replace(made, suite=replace(board.suite, parts={"transform": parts}))
    text = as_latex(made)
    check_structure(text)
    assert "Optimizer & spatial & color & " in text
    rows = [line.split(" & ")[:3] for line in table(text)[-3:]]
    check = r"$\checkmark$"
    assert [row[1:] for row in rows] == [["", ""], [check, ""], [check, check]]
    assert r"\usepackage{amssymb}" in text.splitlines()[0]


def test_parts_that_tell_no_rows_apart_are_named(board: Leaderboard) -> None:
    parts = {"none": (), "spatial": ("spatial",), "blind": ("spatial",)}
    made = ours(board, a2="none spatial blind")
    named = as_latex(replace(made, suite=replace(board.suite, parts={"transform": parts})))
    assert "Optimizer & Transform & " in named
    assert "checkmark" not in named
    assert as_latex(made) == named  # a folder of before parts were kept


def test_an_optimizer_of_several_rows_has_rules_around_it(board: Leaderboard) -> None:
    rows = []
    for row, (transform, name) in zip(
        board.rows, [("none", "adam"), ("none", "cma"), ("spatial", "adam"), ("spatial", "cma")],
        strict=True,
    ):  # fmt: skip
        rows.append(replace(row, labels=("g", "l1", transform, "gt", name)))
    body = lines_of(as_latex(replace(board, rows=tuple(rows)), Latex(tabular=True)))
    kinds = [line.split(" & ")[0].removesuffix(r"$^\dagger$") for line in body]
    assert kinds[kinds.index(r"\midrule") :] == [
        r"\midrule", "adam", "adam", r"\midrule", "cma", "cma", r"\bottomrule", r"\end{tabular}",
    ]  # fmt: skip


def test_style(board: Leaderboard) -> None:
    text = as_latex(board, Latex(metrics=("psnr", "l1"), intervals=True, tabular=True))
    check_structure(text)
    assert lines_of(text)[0].startswith(r"\begin{tabular}")
    assert r"psnr $\uparrow$ & l1 $\downarrow$ & psnr" in text
    assert r"{\scriptsize [0.350, 0.350]}" in text
    assert "% $^\\dagger$ not over all images." in text
    assert "% without a column: percep-fmnist-heldout, lpips-alex" in text
    with pytest.raises(UserError, match=r"--metric: no metric 'psrn' here\. Did you mean 'psnr'"):
        as_latex(board, Latex(metrics=("psrn",)))


def test_an_empty_table(board: Leaderboard) -> None:
    check_structure(as_latex(replace(board, rows=(), metrics=(), ranked_on=None, notes=())))


@pytest.mark.skipif(PDFLATEX is None, reason="no pdflatex here")
@pytest.mark.parametrize("style", [Latex(), Latex(intervals=True), Latex(tabular=True)], ids=str)
def test_pdflatex_takes_it(board: Leaderboard, tmp_path: Path, style: Latex) -> None:
    rows = []
    for row in board.rows:
        name = row.labels[4].replace("漢", "é `--' \\par ^^M \"")
        rows.append(replace(row, labels=(*row.labels[:4], name), notes=(name,)))
    (tmp_path / "table.tex").write_text(as_latex(replace(board, rows=tuple(rows)), style))
    (tmp_path / "main.tex").write_text(
        r"\documentclass{article}\usepackage{booktabs,amssymb}"
        r"\begin{document}\input{table}\end{document}"
    )
    command = [str(PDFLATEX), "-interaction=nonstopmode", "-halt-on-error", "-draftmode"]
    done = subprocess.run(
        [*command, "main.tex"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]
