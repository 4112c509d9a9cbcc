"""The progress display: plain lines, a live terminal, a closed stderr."""

from __future__ import annotations

import io
import re
import threading
from pathlib import Path

import pytest
from rich.console import Console

from p2lbench.budget import Budget
from p2lbench.plan import Cell, Image
from p2lbench.record import Record
from p2lbench.report.progress import FEW, RunProgress
from p2lbench.spec import InitMap, Method, Named, Spec, TransformChain, WeightedLoss


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def cell(k: int, name: str = "adam", repeat: int = 0) -> Cell:
    method = Method(
        Named("g", Spec("generator", "g")), WeightedLoss("l1", ()), TransformChain("none"),
        InitMap("gt"), Named(name, Spec("optimizer", "adam")),
    )  # fmt: skip
    image = Image("bag", Path("bag.png"), "0")
    return Cell(f"{k:04x}", method, image, repeat, 0, 2, Budget(), "paper", 1, "cpu", "soft")


def ok(k: int) -> Record:
    return Record(f"{k:04x}", "ok", objective=(0.5, 0.25))


def run(total: int, clock: Clock, **console: object) -> tuple[RunProgress, io.StringIO]:
    out = io.StringIO()
    return RunProgress(total, Console(file=out, width=100, **console), clock), out  # type: ignore[arg-type]


def test_a_line_per_cell_where_there_are_few() -> None:
    clock = Clock()
    progress, out = run(4, clock)
    with progress:
        progress.cell_done(ok(0), cached=True)
        for k in (1, 2):
            progress.cell_started(cell(k, repeat=k - 1))
            clock.now += 90
            progress.cell_done(ok(k))
        progress.cell_started(cell(3, "[bold]x\x1b[31m"))
        progress.cell_done(Record("0003", "failed", "ValueError: boom\nmore"))
    assert out.getvalue().splitlines() == [
        "2/4 cells, 1 from before; adam · bag: ok, objective 0.25; about 3 min 0 s left",
        "3/4 cells, 1 from before; adam · bag · repeat 1: ok, objective 0.25"
        "; about 1 min 30 s left",
        "4/4 cells, 1 failed, 1 from before; [bold]x · bag: failed: ValueError: boom more",
        "4/4 cells, 1 failed, 1 from before in 3 min 0 s",
    ]


def test_a_line_now_and_then_where_there_are_many() -> None:
    clock = Clock()
    progress, out = run(1000, clock)
    with progress:
        for k in range(1000):
            progress.cell_started(cell(k))
            clock.now += 0.5
            progress.cell_done(ok(k))
    lines = out.getvalue().splitlines()
    assert len(lines) == 51
    assert lines[-1] == "1000/1000 cells in 8 min 20 s"


def test_one_long_cell_says_how_it_goes() -> None:
    clock = Clock()
    progress, out = run(1, clock)
    with progress:
        progress.cell_started(cell(0))
        for k in range(1, 5):
            clock.now += 6
            progress.cell_progress(cell(0), 1000 * k, float("nan") if k < 3 else 0.5)
        progress.cell_progress(cell(9), 1, 0.0)  # not started: ignored
        clock.now += 4000
        progress.cell_done(ok(0))
    assert out.getvalue().splitlines()[:2] == [
        "0/1 cells; adam · bag: 2,000 passes",
        "0/1 cells; adam · bag: 4,000 passes, best 0.5",
    ]
    assert out.getvalue().endswith("in 1 h 7 min\n")


def test_failures_are_shown_at_once_but_not_thousands_of_them() -> None:
    progress, out = run(1000, Clock())
    with progress:
        for k in range(1000):
            progress.cell_done(Record(f"{k:04x}", "timeout", "600 s"))
    assert len(out.getvalue().splitlines()) == FEW + 1


def test_a_terminal() -> None:
    clock = Clock()
    progress, out = run(9, clock, force_terminal=True, color_system="standard")
    with progress:
        for k in range(6):
            progress.cell_started(cell(k, "[red]x"))
        progress.cell_progress(cell(0), 1500, 0.125)
        clock.now += 5
        progress.cell_done(ok(5))
        assert progress._live is not None
        progress._live.refresh()
        text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.getvalue())
    assert "1/9 cells, 5 s; about 40 s left" in text
    assert "[red]x · bag: 1,500 passes, best 0.125" in text
    assert "and 1 more" in text
    assert "last: [red]x · bag: ok, objective 0.25" in text
    assert out.getvalue().endswith("1/9 cells in 5 s\n")


def test_interrupted_leaves_the_terminal_as_it_was() -> None:
    progress, out = run(9, Clock(), force_terminal=True)
    with pytest.raises(KeyboardInterrupt), progress:
        raise KeyboardInterrupt
    assert "\x1b[?25h" in out.getvalue()  # the cursor is back


def test_a_closed_stderr_stops_no_run() -> None:
    progress, out = run(1, Clock())
    with progress:
        out.close()
        progress.cell_done(ok(0))


def test_an_ascii_stderr() -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    with RunProgress(1, Console(file=file, width=80), Clock()) as progress:
        progress.cell_started(cell(0, "é"))
        progress.cell_done(ok(0))
    assert raw.getvalue().startswith(b"1/1 cells; \\xe9 | bag: ok")


def test_any_thread_may_report() -> None:
    progress, _ = run(400, Clock(), force_terminal=True)

    def work(first: int) -> None:
        for k in range(first, first + 100):
            progress.cell_started(cell(k))
            progress.cell_progress(cell(k), 1, 0.5)
            progress.cell_done(ok(k))

    with progress:
        threads = [threading.Thread(target=work, args=(100 * k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert progress.done == 400


def test_stderr_alone() -> None:
    assert RunProgress(1)._console.stderr
