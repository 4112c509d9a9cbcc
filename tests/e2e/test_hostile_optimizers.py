"""Optimizers that misbehave: a record says how, the run goes on, and the others' rows stand."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from e2e.conftest import Make
from e2e.kit import by_optimizer, called, command, numbers, ran_inline, rows, timeless, written
from safetensors.torch import load as load_tensors

PLUGIN = '''
import ctypes, os, random, sys, threading, time
import numpy as np
import torch
from p2lbench.api import AskTell, BudgetSpent, Optimizer, hookimpl

FACTORIES = {}

def named(name):
    def keep(minimize):
        FACTORIES[name] = type(name, (Optimizer,), {"minimize": minimize})
        return minimize
    return keep

@named("raises-at-once")
def _(self, problem):
    raise RuntimeError("at once")

@named("raises-midway")
def _(self, problem):
    problem.gradient(problem.start)
    raise ZeroDivisionError("midway")

@named("raises-base")
def _(self, problem):
    raise BaseException("not even an Exception")

@named("returns-nan")
def _(self, problem):
    return problem.start * float("nan")

@named("one-nan")
def _(self, problem):
    x = problem.start
    x[1, 2] = float("nan")
    return x

@named("wrong-shape")
def _(self, problem):
    return problem.start[:1]

@named("wrong-width")
def _(self, problem):
    return problem.start[:, :2]

@named("returns-none")
def _(self, problem):
    problem.loss(problem.start)

@named("returns-numpy")
def _(self, problem):
    return problem.start.numpy()

@named("returns-float64")
def _(self, problem):
    return problem.start.double()

@named("returns-grad")
def _(self, problem):
    return problem.start.requires_grad_(True) * 1.0

@named("out-of-bounds")
def _(self, problem):
    problem.loss(problem.start + 50)
    return problem.start + 50

@named("infinite")
def _(self, problem):
    return problem.start - float("inf")

@named("sets-attribute")
def _(self, problem):
    problem.candidates = 1
    return problem.start

@named("deletes-attribute")
def _(self, problem):
    del problem.candidates
    return problem.start

@named("ignores-the-budget")
def _(self, problem):
    refused = 0
    while refused < 20:
        try:
            problem.loss(problem.start)
        except BudgetSpent:
            refused += 1
    return problem.start

@named("exits")
def _(self, problem):
    sys.exit(3)

@named("prints")
def _(self, problem):
    for _ in range(40):
        print("x" * 50_000)
    sys.__stdout__.write("straight to the real one")
    os.write(1, b"and to the descriptor")
    return problem.start

@named("tampers")
def _(self, problem):
    before = problem.start
    for given in ("start", "center", "spread", "deviation"):
        getattr(problem, given).fill_(9)
    for given in ("std", "mean", "steps", "low", "high"):
        getattr(problem.space, given).fill_(9)
    problem.best().fill_(9)
    x = problem.start
    losses, slopes = problem.gradient(x)
    x.fill_(9), losses.fill_(0), slopes.fill_(0)
    x = problem.start
    problem.loss(x).fill_(-1)
    x.fill_(9)
    assert problem.start.equal(before)
    assert problem.best().equal(before)
    return problem.best()

@named("global-random")
def _(self, problem):
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    random.random(), np.random.rand(), torch.rand(3)
    return problem.start

@named("global-torch")
def _(self, problem):
    torch.set_grad_enabled(False)
    torch.set_num_threads(2)
    torch.set_default_dtype(torch.float64)
    np.seterr(all="raise")
    return problem.start

@named("asks-wrong-points")
def _(self, problem):
    problem.loss(torch.zeros(2, 7))
    return problem.start

@named("asks-numpy")
def _(self, problem):
    problem.loss(problem.start.numpy())
    return problem.start

@named("asks-nothing")
def _(self, problem):
    problem.loss(problem.start[:0])
    return problem.start

@named("asks-nan")
def _(self, problem):
    problem.loss(problem.start * float("nan"))
    problem.gradient(problem.start * float("nan"))
    return problem.best()

@named("wrong-rows")
def _(self, problem):
    problem.loss(problem.start, rows=torch.tensor([0, 5]))
    return problem.start

class AsksNone(AskTell):
    def ask(self):
        return None
    def tell(self, points, losses):
        pass

class Endless(AskTell):
    """Has no steps; what stops it is the allowance for those."""
    def ask(self):
        return self.problem.start
    def tell(self, points, losses):
        points.fill_(9), losses.fill_(-9)

FACTORIES |= {"asks-none": AsksNone, "endless": Endless}

DEADLY = {}

def deadly(name):
    def keep(minimize):
        DEADLY[name] = type(name, (Optimizer,), {"minimize": minimize})
        return minimize
    return keep

@deadly("os-exit")
def _(self, problem):
    os._exit(7)

@deadly("segfault")
def _(self, problem):
    ctypes.string_at(0)

@deadly("sleeps")
def _(self, problem):
    time.sleep(1000)

@deadly("spins")
def _(self, problem):
    while True:
        pass

@deadly("leaves-a-thread")
def _(self, problem):
    threading.Thread(target=time.sleep, args=(1000,)).start()
    return problem.start

@deadly("leaves-a-bomb")
def _(self, problem):
    threading.Timer(0.7, os._exit, [1]).start()
    return problem.start

@deadly("swallows-everything")
def _(self, problem):
    while True:
        try:
            problem.loss(problem.start)
        except Exception:
            pass

@hookimpl
def register_optimizers(register):
    for name, factory in (FACTORIES | DEADLY).items():
        register(name, factory)
'''

FAILED = {
    "raises-at-once": r"RuntimeError: at once \(.*more\.py:\d+\)",
    "raises-midway": r"ZeroDivisionError: midway \(.*more\.py:\d+\)",
    "raises-base": r"BaseException: not even an Exception",
    "wrong-shape": r"expected points of shape \(2, 4\)",
    "wrong-width": r"expected points of shape \(2, 4\)",
    "returns-none": r"returns-none returned .*None.*: expected points of shape \(2, 4\)",
    "returns-numpy": r"expected points of shape \(2, 4\)",
    "sets-attribute": r"a problem is read only: 'candidates' cannot be set",
    "deletes-attribute": r"'Problem' object has no attribute 'candidates'",
    "global-torch": r"dtype",
    "exits": r"SystemExit: 3",
    "asks-wrong-points": r"expected points as a tensor \(n, 4\), got shape \(2, 7\)",
    "asks-numpy": r"expected points as a tensor \(n, 4\), got ndarray \(.*more\.py:\d+\)",
    "asks-nothing": r"expected at least one point",
    "wrong-rows": r"expected 2 rows from 0 to 1",
    "asks-none": r"None",
}
DIVERGED = ("returns-nan", "one-nan", "infinite")
FINE = (
    "returns-float64",
    "returns-grad",
    "out-of-bounds",
    "prints",
    "tampers",
    "global-random",
    "asks-nan",
    "endless",
)
HONEST: list[Any] = [
    {"adam": {"steps": 3}, "as": "first"},
    {"cma": {"steps": 2}},
    {"nevergrad:OnePlusOne": {"steps": 3}},
    # Other options, or it would be the first one's cell.
    {"adam": {"steps": 4}, "as": "last"},
]
ALL = [HONEST[0], *FAILED, *DIVERGED, *FINE, *HONEST[1:]]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The honest methods by themselves."""
    suite = written(tmp_path_factory.mktemp("alone"), PLUGIN, optimizers=HONEST)
    return ran_inline(suite)[0].folder


@pytest.fixture(scope="module")
def inline(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """All of them in this process: what the command said, and the results folder."""
    suite = written(tmp_path_factory.mktemp("inline"), PLUGIN, optimizers=ALL)
    outcome, _ = ran_inline(suite)
    return outcome, outcome.folder


def record(inline: tuple[Any, Path], name: str) -> Any:
    return by_optimizer(inline[1])[name]


@pytest.mark.parametrize("name", FAILED)
def test_what_breaks_the_rules_failed_and_says_how(inline: tuple[Any, Path], name: str) -> None:
    found = record(inline, name)
    assert found.status == "failed"
    assert re.search(FAILED[name], found.reason), found.reason


@pytest.mark.parametrize("name", DIVERGED)
def test_what_is_not_finite_diverged(inline: tuple[Any, Path], name: str) -> None:
    found = record(inline, name)
    assert (found.status, found.reason) == ("diverged", "a returned candidate is not finite")


@pytest.mark.parametrize("name", FINE)
def test_what_keeps_to_the_rules_is_ok(inline: tuple[Any, Path], name: str) -> None:
    found = record(inline, name)
    assert found.status == "ok", found.reason
    assert load_tensors(found.latents)["z"].abs().max() <= 2


def test_an_optimizer_without_steps_is_stopped_and_noted(inline: tuple[Any, Path]) -> None:
    found = record(inline, "endless")
    assert found.ledger["passes"] == 2000
    assert any("1000 passes per candidate" in note for note in found.notes)


def test_what_is_told_can_be_scribbled_on(inline: tuple[Any, Path]) -> None:
    point = load_tensors(record(inline, "endless").latents)["z"]
    assert point.equal(load_tensors(record(inline, "prints").latents)["z"])


def test_the_leaderboard_shows_who_is_missing_and_why(inline: tuple[Any, Path]) -> None:
    board = rows(inline[1])
    assert len(board) == len(ALL)
    for name in (*FAILED, *DIVERGED):
        row = board[name]
        assert row["missing"] == 1
        assert row["mean"] == {"l1": None, "psnr": None}
        assert any("failed" in note or "diverged" in note for note in row["notes"])
    assert all(board[name]["missing"] == 0 for name in FINE)
    assert inline[0].cells["failed"] == len(FAILED)
    assert inline[0].cells["diverged"] == len(DIVERGED)


def test_the_others_are_what_they_are_without_them(inline: tuple[Any, Path], alone: Path) -> None:
    with_them, without = by_optimizer(inline[1]), by_optimizer(alone)
    for name, expected in without.items():
        assert timeless(with_them[name]) == timeless(expected), name
    board, own = rows(inline[1]), rows(alone)
    assert {name: numbers(board[name]) for name in own} == {n: numbers(own[n]) for n in own}


def test_the_command_ends_with_1_and_prints_one_document(tmp_path: Path) -> None:
    names = ["raises-at-once", "prints", "none"]
    suite = written(tmp_path, PLUGIN, optimizers=names)
    done = called("run", suite, "--results", tmp_path / "r", "--executor", "inline", "--json")
    assert done.code == 1
    cells = {"total": 3, "ok": 2, "cached": 0, "failed": 1}
    assert done.json["cells"] == {**cells, "timeout": 0, "diverged": 0, "skipped": 0}
    again = called("run", suite, "--results", tmp_path / "r", "--executor", "inline")
    assert again.code == 1  # tried again, and failed again
    assert "1 failed" in again.out


def test_a_budget_is_never_exceeded(tmp_path: Path) -> None:
    suite = written(
        tmp_path, PLUGIN, optimizers=["ignores-the-budget", "endless"], budget={"passes": 21}
    )
    _, found = ran_inline(suite)
    assert {name: r.ledger["passes"] for name, r in found.items()} == {
        "ignores-the-budget": 20,
        "endless": 20,
    }


@pytest.mark.parametrize(
    "optimizer",
    ["endless-calls", {"chain": {"stages": [{"none": {}}, "endless-calls"]}}],
    ids=["plain", "chain"],
)
@pytest.mark.parametrize("budget", [None, {"passes": 50}], ids=["free", "budget"])
def test_inline_a_loop_of_calls_stops_at_the_timeout(
    tmp_path: Path, optimizer: Any, budget: Any
) -> None:
    plugin = """
from p2lbench.api import Optimizer, hookimpl

class Endless(Optimizer):
    def minimize(self, problem):
        while True:
            try:
                problem.loss(problem.start)
            except Exception:
                pass
    def passes(self, space, candidates):
        return 10**6

@hookimpl
def register_optimizers(register):
    register("endless-calls", Endless)
"""
    suite = written(
        tmp_path,
        plugin,
        optimizers=[{**optimizer, "as": "x"} if isinstance(optimizer, dict) else optimizer, "none"],
        timeout=1,
        budget=budget or {},
    )
    outcome, found = ran_inline(suite)
    first, second = found.values()
    assert (first.status, second.status) == ("timeout", "ok")
    assert first.reason == "stopped after 1 s"
    assert outcome.cells["timeout"] == 1


DEADLY = {
    "os-exit": ("failed", r"worker process died \(exit code 7\)"),
    "segfault": ("failed", r"worker process died \(signal SIGSEGV\)"),
    "sleeps": ("timeout", r"stopped after 3 s by the parent"),
    "spins": ("timeout", r"stopped after 3 s by the parent"),
    "swallows-everything": ("timeout", r"stopped after 3 s"),
    "leaves-a-thread": ("ok", ""),
    "leaves-a-bomb": ("ok", ""),
    "exits": ("failed", r"SystemExit: 3"),
    "raises-base": ("failed", r"BaseException"),
    "prints": ("ok", ""),
    "returns-nan": ("diverged", r"not finite"),
}


@pytest.fixture(scope="module")
def processes(once: Callable[[str, Make], Path]) -> Path:
    """The deadly ones between honest ones, in worker processes, by the command."""

    def make(folder: Path) -> None:
        names = [HONEST[0], *DEADLY, *HONEST[1:], "leaves-a-thread"]
        names[-1] = {"leaves-a-thread": {}, "as": "in the end"}
        suite = written(folder, PLUGIN, optimizers=names, timeout=3)
        done = command("run", suite.name, "--executor", "processes", "--json", cwd=folder)
        (folder / "code").write_text(str(done.code))
        (folder / "out").write_text(done.out)

    return once("deadly", make)


@pytest.mark.parametrize("name", DEADLY)
def test_workers_survive_anything(processes: Path, name: str) -> None:
    found = by_optimizer(processes / "results" / "s")[name]
    status, reason = DEADLY[name]
    assert found.status == status, found.reason
    assert re.search(reason, found.reason)


def test_the_run_goes_on_to_the_end(processes: Path, alone: Path) -> None:
    found = by_optimizer(processes / "results" / "s")
    for name, expected in by_optimizer(alone).items():
        assert timeless(found[name]) == timeless(expected), name
    assert (processes / "code").read_text() == "1"
    board = rows(processes / "results" / "s")
    assert {n: row["missing"] for n, row in board.items()} == {
        **{name: int(status != "ok") for name, (status, _) in DEADLY.items()},
        **dict.fromkeys(["first", "cma", "nevergrad:OnePlusOne", "last", "in the end"], 0),
    }


def test_standard_output_stays_one_document(processes: Path) -> None:
    import json

    document = json.loads((processes / "out").read_text())
    assert document["cells"]["total"] == len(rows(processes / "results" / "s")) - 1
