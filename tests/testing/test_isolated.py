"""Plugins that hang, exit or crash fail the check that met them, and the others go on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from p2lbench.errors import UserError
from p2lbench.testing.isolated import Examination, Outcome

pytestmark = pytest.mark.slow  # it waits for what hangs, and starts a process after each end

HOSTILE = """
import ctypes, os, sys, threading, time
from p2lbench.api import Optimizer, hookimpl

print("printed while it loads")

class Base(Optimizer):
    def minimize(self, problem):
        return problem.start

class Hangs(Base):
    def minimize(self, problem):
        time.sleep(1000)

class Exits(Base):
    def minimize(self, problem):
        sys.exit(3)

class Dies(Base):
    def minimize(self, problem):
        os._exit(7)

class Crashes(Base):
    def minimize(self, problem):
        ctypes.string_at(0)

class Reads(Base):
    def minimize(self, problem):
        print("printed", input())
        return problem.start

class Haunts(Base):
    def minimize(self, problem):
        threading.Timer(0.2, os._exit, [9]).start()
        return problem.start

class NeverMade(Base):
    def __init__(self):
        time.sleep(1000)

@hookimpl
def register_optimizers(register):
    for each in (Hangs, Exits, Dies, Crashes, Reads, Haunts, NeverMade, Base):
        register(each.__name__.lower(), each)
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Outcome]]:
    """What came of three checks of each."""
    file = tmp_path_factory.mktemp("hostile") / "hostile.py"
    file.write_text(HOSTILE)
    few = ("made", "returns", "one-candidate")
    found = {}
    with Examination(str(file), timeout=8.0) as examination:
        for number, plugin in enumerate(examination.plugins()):
            checks = tuple(pair for pair in plugin.checks if pair[0] in few)
            # A plugin that hangs once would hang again.
            if plugin.name in ("hangs", "dies", "crashes"):
                checks = checks[:2]
            found[plugin.name] = list(examination.outcomes(number, replace(plugin, checks=checks)))
    return found


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("hangs", "it did not end within 8 s, and was killed"),
        ("exits", "SystemExit: 3"),
        ("dies", "the process died (exit code 7)"),
        ("crashes", "the process died (signal SIGSEGV)"),
        ("reads", "EOFError"),
    ],
)
def test_the_check_that_met_it_fails(
    outcomes: dict[str, list[Outcome]], name: str, reason: str
) -> None:
    made, returns, *_ = outcomes[name]
    assert (made.status, returns.status) == ("passed", "failed")
    assert reason in returns.reason


def test_the_others_go_on(outcomes: dict[str, list[Outcome]]) -> None:
    assert [outcome.status for outcome in outcomes["base"]] == ["passed"] * 3


def test_threads_that_one_check_leaves_do_not_reach_the_next(
    outcomes: dict[str, list[Outcome]],
) -> None:
    assert [outcome.status for outcome in outcomes["haunts"]] == ["passed"] * 3


def test_what_cannot_be_made_is_not_checked_further(outcomes: dict[str, list[Outcome]]) -> None:
    made, *rest = outcomes["nevermade"]
    assert made.status == "failed"
    assert {(outcome.status, outcome.reason) for outcome in rest} == {
        ("skipped", "it cannot be made")
    }


def test_a_file_that_ends_the_process_is_said_not_to_load(tmp_path: Path) -> None:
    file = tmp_path / "ends.py"
    file.write_text("import os; os._exit(5)")
    with Examination(str(file)) as examination, pytest.raises(UserError, match="exit code 5"):
        examination.plugins()
