"""Nevergrad by name: one by one or in populations, at true cost, with random states of its own."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import warnings
from math import inf
from typing import Any

import numpy as np
import pytest
import torch

from p2lbench.errors import UserError
from p2lbench.optimizers.adam import Adam
from p2lbench.optimizers.basin import Basin
from p2lbench.optimizers.nevergrad import Nevergrad
from p2lbench.optimizers.nevergrad import optimizer as driver
from p2lbench.optimizers.nevergrad.instance import Instance, library
from p2lbench.optimizers.nevergrad.known import Finding, Findings, findings
from p2lbench.optimizers.nevergrad.turns import Turns
from p2lbench.space import Space, Variable
from p2lbench.testing.analytic import problem, spent, sphere

# One of each kind: a (1+1)-ES, SciPy in a thread, a choice by competence, populations, one shot,
# pycma in a thread, a chain of those, a metamodel.
ONE_BY_ONE = ["OnePlusOne", "Cobyla", "NGOpt", "CmaFmin2", "Carola2"]
IN_POPULATIONS = ["DE", "CMA", "PSO", "RandomSearch", "QOScrHammersleySearch", "MetaModel"]
EVERY = ONE_BY_ONE + IN_POPULATIONS


class Log:
    """A sphere that keeps each batch it is asked."""

    def __init__(self) -> None:
        self.batches: list[torch.Tensor] = []

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self.batches.append(x.clone())
        return sphere()(x)

    @property
    def points(self) -> torch.Tensor:
        return torch.cat(self.batches)


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_what_takes_one_point_at_a_time_is_one_instance_per_candidate(name: str) -> None:
    log = Log()
    p = problem(log, candidates=3)
    optimizer = Nevergrad(name, steps=5)
    assert optimizer.passes(p.space, 3) == 15
    p.run(optimizer)
    assert [len(batch) for batch in log.batches] == [3] * 5
    nearest = torch.cdist(log.batches[0], torch.cat([p.start, p.center[None]])).argmin(1)
    assert nearest.tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_how_many_candidates_there_are_does_not_change_ones_path(name: str) -> None:
    few, many = (problem(candidates=n).run(Nevergrad(name, 12)).points for n in (2, 5))
    torch.testing.assert_close(few, many[:2], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", IN_POPULATIONS)
def test_what_draws_a_population_is_one_instance(name: str) -> None:
    log = Log()
    p = problem(log, candidates=3)
    optimizer = Nevergrad(name, steps=2)
    population = optimizer.population_size(p.space, 3)
    p.run(optimizer)
    assert [len(batch) for batch in log.batches] == [population] * 2


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("passes", [0, 1, 5, 67])
def test_a_budget_is_spent_to_the_last_pass(name: str, passes: int) -> None:
    p = problem(candidates=3, passes=passes)
    points = p.run(Nevergrad(name)).points
    assert spent(p) == passes
    assert bool(points.isfinite().all())


def test_an_instance_is_told_how_many_evaluations_it_will_see(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[int] = []

    class Noted(Instance):
        def __init__(self, name: str, d: int, sigma: float, seed: int, budget: int, workers: int):
            super().__init__(name, d, sigma, seed, budget, workers)
            made.append(budget)

    monkeypatch.setattr("p2lbench.optimizers.nevergrad.instance.Instance", Noted)
    problem(candidates=3, passes=20).run(Nevergrad("OnePlusOne"))
    problem(candidates=3, passes=100).run(Nevergrad("DE"))
    problem(candidates=3).run(Nevergrad("DE", 2))
    # Two outer steps and the last draw, each of 30 points.
    problem(candidates=3).run(Basin(Nevergrad("DE"), Adam(), 2, 1, 0))
    assert made == [7, 7, 6, 100, 60, 90]


def test_with_seconds_alone_it_ends_where_its_plan_does() -> None:
    p = problem(candidates=2, seconds=100)
    p.run(Nevergrad("ScrHammersleySearch"))
    assert spent(p) == 2000
    assert "stopped at 2000 passes" in p._root.notes[0]


@pytest.mark.parametrize("name", EVERY)
def test_one_seed_one_path_and_no_global_state_moves(name: str) -> None:
    logs = Log(), Log()
    for log in logs:
        random.seed(5), np.random.seed(len(logs)), torch.manual_seed(3)
        before = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
        p = problem(log, candidates=2, passes=60)
        np.random.rand()
        between = np.random.get_state()
        p.run(Nevergrad(name))
        assert random.getstate() == before[0]
        after = np.random.get_state()
        assert (after[1] == between[1]).all()
        assert after[2:] == between[2:]
        assert torch.equal(torch.get_rng_state(), before[2])
        np.random.seed(99)
    assert torch.equal(logs[0].points, logs[1].points)


@pytest.mark.parametrize("name", EVERY)
def test_sigma_is_the_size_of_the_first_steps(name: str) -> None:
    sizes = []
    for sigma in (1.0, 0.01):
        log = Log()
        p = problem(log, [Variable("z", (8,))], candidates=1, passes=12)
        p.run(Nevergrad(name, sigma=sigma))
        origins = torch.cat([p.start, p.center[None]])
        steps = (log.points[:, None] - origins).norm(dim=2).min(1).values
        sizes.append(float(steps[steps > 1e-6][0]))  # later ones adapt to what was told
    assert sizes[1] < 0.1 * sizes[0]


@pytest.mark.parametrize("name", EVERY)
def test_what_was_asked_and_not_told_is_asked_again(name: str) -> None:
    optimizer, p = Nevergrad(name, 9), problem(candidates=3)
    try:
        optimizer.begin(p)
        first = optimizer.ask()
        assert torch.equal(optimizer.ask(), first)
        more = optimizer.draw(len(first) + 2)
        assert torch.equal(more[: len(first)], first)
        assert len(more) == len(first) + 2
        assert torch.equal(optimizer.draw(2), first[:2])
    finally:
        optimizer.close()


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("passes", [inf, 70])
def test_it_serves_a_basin_that_may_be_cut_short(name: str, passes: float) -> None:
    p = problem(candidates=3, passes=passes)
    points = p.run(Basin(Nevergrad(name), Adam(), 2, 2, 2)).points
    assert spent(p) <= passes
    assert points.shape == (3, 4)
    assert bool(points.isfinite().all())


@pytest.mark.parametrize("name", ["Cobyla", "CmaFmin2", "Carola2", "MetaModel"])
def test_no_threads_stay_behind_and_what_was_replaced_is_back(name: str) -> None:
    library()
    import cma
    from nevergrad.optimization import metamodel, recaster

    before = set(threading.enumerate()), recaster.MessagingThread, cma.CMAOptions.defaults()["seed"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        problem(candidates=2, passes=50).run(Nevergrad(name))
    after = set(threading.enumerate()), recaster.MessagingThread, cma.CMAOptions.defaults()["seed"]
    assert after == before
    assert "float" not in vars(metamodel)


def test_a_thread_moves_in_turns_only() -> None:
    moves: list[str] = []

    def method(objective: Any) -> str:
        for point in "ab":
            moves.append(f"{point} {objective(point)}")
        return "the end"

    turns = Turns(method)
    assert (turns.get(), moves) == ("a", [])
    with pytest.raises(RuntimeError, match="before the last one was told"):
        turns.get()
    turns.put(1.0)
    assert (turns.get(), moves, turns.is_alive()) == ("b", ["a 1.0"], True)
    turns.put(2.0)
    assert (turns.get(), turns.is_alive(), turns.output) == (None, False, "the end")


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt()])
def test_a_thread_ends_in_an_error_that_can_be_caught(error: BaseException) -> None:
    def method(objective: Any) -> None:
        raise error

    turns = Turns(method)
    assert isinstance(turns.get(), Exception)
    assert isinstance(turns.error, Exception)
    assert not turns.is_alive()


def test_a_thread_is_stopped_where_it_waits() -> None:
    def stubborn(objective: Any) -> None:
        for _ in range(3):
            try:
                objective(0)
            except Exception:
                moved.append(1)

    moved: list[int] = []
    turns = Turns(stubborn)
    turns.stop()
    turns.join()
    assert (moved, turns._thread.is_alive()) == ([], False)


def test_gradients_are_differences_that_float32_can_show() -> None:
    p = problem(candidates=1, passes=60)
    assert float(sphere()(p.run(Nevergrad("SQP")).points)) < 1e-3


# What is known of the names.


def known(monkeypatch: pytest.MonkeyPatch, **names: Finding) -> None:
    found = Findings({"nevergrad": "1"}, names)
    monkeypatch.setattr(driver, "findings", lambda: found)


def test_a_name_that_is_known_not_to_work_is_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known(monkeypatch, OnePlusOne=Finding("hangs"), DE=Finding(population=30))
    with pytest.raises(UserError, match=r"it hangs\. See: p2lbench list optimizers --verbose"):
        Nevergrad("OnePlusOne")
    with pytest.raises(UserError, match=r"unknown Nevergrad optimizer 'DEE'\. Did you mean 'DE'"):
        Nevergrad("DEE")
    assert Nevergrad("DE", population=9).name == "DE"
    assert Nevergrad.members() == {"OnePlusOne": "hangs", "DE": None}


def test_a_population_of_what_takes_one_point_at_a_time_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known(monkeypatch, OnePlusOne=Finding(population=1))
    with pytest.raises(ValueError, match="population: OnePlusOne takes one point at a time"):
        Nevergrad("OnePlusOne", population=9)


def test_what_it_lacked_may_have_been_installed_since(monkeypatch: pytest.MonkeyPatch) -> None:
    lacks = Finding("needs the package this", "no_such_module_anywhere")
    known(monkeypatch, OnePlusOne=lacks, DE=Finding("needs the package json", "json"))
    with pytest.raises(UserError, match="needs the package this"):
        Nevergrad("OnePlusOne")
    assert Nevergrad("DE").name == "DE"


def test_with_another_version_any_name_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    planned = Nevergrad("DE", 2).passes(Space([Variable("z", (4,))]), 3)
    with monkeypatch.context() as patched:
        patched.setattr("p2lbench.optimizers.nevergrad.known.version", lambda name: "0.0.1")
        findings.cache_clear()
        assert findings() is None
        assert Nevergrad.members() == {}
        optimizer = Nevergrad("DE", 2)
        assert optimizer.passes(Space([Variable("z", (4,))]), 3) is None
        p = problem(candidates=3)
        p.run(optimizer)
        assert spent(p) == planned == 60
        with pytest.raises(UserError, match="Did you mean 'OnePlusOne'"):
            Nevergrad("OnePlusOn")
    findings.cache_clear()


def test_known_names_are_checked_and_planned_without_nevergrad() -> None:
    script = """
import sys
from p2lbench.optimizers.nevergrad import Nevergrad
from p2lbench.optimizers.nevergrad import optimizer as driver
from p2lbench.space import Space, Variable
Nevergrad("DE", 3).population_size
assert len(Nevergrad.members()) > 500
sys.exit(any(name in sys.modules for name in ("nevergrad", "torch", "cma", "scipy")))
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
