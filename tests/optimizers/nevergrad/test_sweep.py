"""The sweep over Nevergrad's registry: what is stored is what it finds, and covers every name."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from importlib.metadata import version
from pathlib import Path

import pytest
from torch import Tensor

from p2lbench.optimizers.nevergrad import Nevergrad
from p2lbench.optimizers.nevergrad.checks import Unfit, Watched, run
from p2lbench.optimizers.nevergrad.instance import Instance
from p2lbench.optimizers.nevergrad.known import FOUND, POPULATIONS, Finding, Findings
from p2lbench.optimizers.nevergrad.sweep import WARM, _Trial, fill, installed, sweep
from p2lbench.suite import shipped

STORED = Findings.read(FOUND)
same_version = pytest.mark.skipif(
    STORED.versions["nevergrad"] != version("nevergrad"), reason="another version of Nevergrad"
)
# A population, one by one, a thread, a package that is not there, and two that do not search.
TELLING = ["DE", "OnePlusOne", "Cobyla", "AX", "Zero"]


@same_version
def test_every_name_of_the_registry_was_tried() -> None:
    assert sorted(STORED.names) == installed()


@same_version
def test_the_sweep_finds_what_is_stored() -> None:
    for name, finding in sweep(TELLING, jobs=2):
        stored = STORED.names[name]
        assert finding.reason == stored.reason
        assert (finding.needs, finding.population) == (stored.needs, stored.population)


@same_version
@pytest.mark.parametrize(
    "name", ["DE", "CMA", "PSO", "EDA", "NaiveIsoEMNA", "OnePlusOne", "Cobyla"]
)
@pytest.mark.parametrize("d", [2, 7, 128])
def test_populations_are_those_of_the_instances(name: str, d: int) -> None:
    assert STORED.names[name].points(d) == Instance(name, d, 1.0, 0, 10_000).population()


def test_what_is_stored_is_in_order() -> None:
    for name, found in STORED.names.items():
        assert name == name.strip() != ""
        assert found.reason is None or found.reason.strip() not in ("", "fails")
        assert found.reason is not None or found.seconds is not None
        assert isinstance(found.population, int | None) or found.population in POPULATIONS


def test_the_shipped_suite_has_the_names_that_work(tmp_path: Path) -> None:
    suite = shipped()["nevergrad"]
    copy = tmp_path / "suite.yaml"
    copy.write_text(suite.read_text(encoding="utf-8"), encoding="utf-8")
    fill(copy, dict(STORED.names))
    assert copy.read_text(encoding="utf-8") == suite.read_text(encoding="utf-8")


def test_findings_are_written_and_read(tmp_path: Path) -> None:
    names = {"b": Finding(None, None, "4 d", 0.1, 2.0), "a": Finding("hangs", population=1)}
    found = Findings({"nevergrad": "1"}, names)
    found.write(tmp_path / "found.json")
    assert Findings.read(tmp_path / "found.json") == found
    assert (tmp_path / "found.json").read_text(encoding="utf-8").count("\n") == 5
    assert [names["b"].points(d) for d in (1, 2, 10)] == [None, 8, 40]


def trial(name: str = "DE") -> _Trial:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(WARM)
    return _Trial.started(context, name)


def outcome(tried: _Trial) -> Finding:
    for _ in range(600):
        finding = tried.outcome()
        if finding is not None:
            return finding
        time.sleep(0.05)
    raise AssertionError("no outcome")


def test_a_process_that_waits_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2lbench.optimizers.nevergrad.sweep.BLOCKED_SECONDS", 1.0)
    tried = trial()
    assert tried.process.pid is not None
    os.kill(tried.process.pid, signal.SIGSTOP)
    assert "hangs" in str(outcome(tried).reason)
    assert not tried.process.is_alive()


def test_a_process_that_computes_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2lbench.optimizers.nevergrad.sweep.SILENT_SECONDS", 0.01)
    assert "is not done in 0.01 s" in str(outcome(trial("NGOpt")).reason)


def test_a_process_that_dies_is_a_finding() -> None:
    tried = trial()
    tried.process.kill()
    assert "ends the whole process by SIGKILL" in str(outcome(tried).reason)


# The checks can fail.


class Wasteful(Nevergrad):
    """Evaluates in secret."""

    def tell(self, points: Tensor, losses: Tensor) -> None:
        self.problem._root.objective.original(points[:1])
        super().tell(points, losses)


class Global(Nevergrad):
    """Draws from NumPy's global generator."""

    def ask(self) -> Tensor:
        import numpy as np

        np.random.rand()
        return super().ask()


@pytest.mark.parametrize(
    ("optimizer", "reason"), [(Wasteful("DE"), "passes"), (Global("DE"), "global random state")]
)
def test_a_run_that_breaks_a_promise_is_unfit(optimizer: Nevergrad, reason: str) -> None:
    with pytest.raises(Unfit, match=reason):
        run(optimizer, Watched(), 3, 2, 40)
