"""Every built-in optimizer passes the conformance kit; and what some promise beyond it."""

from __future__ import annotations

from functools import partial
from math import inf

import pytest
import torch

from p2lbench.optimizers.adam import Adam
from p2lbench.optimizers.basin import Basin, BasinCMA
from p2lbench.optimizers.chain import Chain, CMAAdam
from p2lbench.optimizers.cma import CMA
from p2lbench.optimizers.lbfgs import LBFGS
from p2lbench.optimizers.nevergrad import Nevergrad
from p2lbench.optimizers.restarts import AdamRestarts, Restarts
from p2lbench.optimizers.simple import RandomSearch, Start
from p2lbench.space import Variable
from p2lbench.testing import checks
from p2lbench.testing.analytic import problem, spent, sphere

# SciPy warns in a thread that Nevergrad starts, where the optimizer's own filter does not reach.
pytestmark = pytest.mark.filterwarnings("ignore:COBYLA")

BUILT_INS = {
    "none": Start,
    "random": RandomSearch,
    "adam": Adam,
    "lbfgs": LBFGS,
    "adam+restarts": partial(AdamRestarts, 40),
    "restarts": lambda: Restarts(LBFGS(20)),
    "cma": CMA,
    "cma+adam": partial(CMAAdam, 30, 80),
    "chain": lambda: Chain([RandomSearch(20), CMA(20), Adam(50)]),
    "basincma": partial(BasinCMA, 6, 6, 60),
    "basin-ema": lambda: Basin(CMA(), Adam(), 4, 5, 0, redraw="ema", final="mean"),
    "basin-nevergrad": lambda: Basin(Nevergrad("DE"), Adam(), 3, 4, 40),
    "nevergrad:OnePlusOne": partial(Nevergrad, "OnePlusOne"),
    "nevergrad:DE": partial(Nevergrad, "DE"),
    "nevergrad:PSO": partial(Nevergrad, "PSO", 15),
    "nevergrad:Cobyla": partial(Nevergrad, "Cobyla", 60),
}

# A thread of SciPy's waits for the answer to every question: draws for others are never told.
HANGS = {("basin", "nevergrad:Cobyla"), ("ask-tell", "nevergrad:Cobyla")}
VARIABLES = [
    Variable("z", (6,), bound=2.0),
    Variable("c", (3,), mean=0.1, std=0.02, step=1e-4, role="gradient"),
]


@pytest.mark.parametrize("name", BUILT_INS)
@pytest.mark.parametrize("check", checks("optimizer"), ids=str)
def test_conformance(check, name):
    if (str(check), name) in HANGS:
        pytest.skip("it hangs when it is asked twice")
    check(BUILT_INS[name])


@pytest.mark.parametrize("name", ["cma", "random", "nevergrad:DE", "nevergrad:OnePlusOne"])
def test_gradient_free_search_holds_the_class_vector_at_its_start(name):
    p = problem(variables=VARIABLES, deviations={"c": 0.0}, passes=300)
    points = p.run(BUILT_INS[name]()).points
    assert torch.equal(p.space.split(points)["c"], p.space.split(p.start)["c"])


@pytest.mark.parametrize("name", ["adam", "adam+restarts", "cma", "cma+adam", "basincma", "random"])
def test_fit_spends_most_of_a_budget_and_never_more(name):
    p = problem(variables=[Variable("z", (24,), bound=2.0)], passes=4000)
    p.run(BUILT_INS[name]().fit(p))
    assert 0.85 * 4000 <= spent(p) <= 4000


def test_fit_keeps_basincmas_final_steps():
    p = problem(variables=VARIABLES, passes=4000)
    fitted = BasinCMA(6, 6, 60).fit(p)
    assert (fitted.final_steps, fitted.inner_steps) == (60, 6)
    assert fitted.outer_steps > 6


def test_a_composite_on_a_short_budget_keeps_its_final_refinement():
    p = problem(variables=VARIABLES, deviations={"c": 0.0}, passes=500)
    optimizer = BasinCMA(6, 6, 60)
    p.run(optimizer)
    planned = optimizer.passes(p.space, 3)
    # 360 of the planned passes are the refinement, a third: of 500 that leaves two draws of nine
    # points (their scores are all that is evaluated without a gradient), and 264 to refine.
    assert planned == 6 * 9 * 13 + 360
    ledger = p._root.ledger
    assert ledger.forwards - ledger.backwards == 2 * 9
    assert 2 * ledger.backwards - 2 * 9 * 6 * 2 == 264


def test_a_basin_that_cannot_refine_returns_the_best_it_evaluated():
    p = problem(variables=VARIABLES, deviations={"c": 0.0}, candidates=30, passes=130)
    points = p.run(BasinCMA(2, 4, 1)).points
    refined = points[:10]
    assert torch.equal(points, p.best()) or bool((sphere()(refined) < inf).all())


def test_unlimited_asktell_stops_at_a_thousand_passes_per_candidate_and_says_so():
    p = problem(candidates=2)
    p.run(RandomSearch())
    assert spent(p) == 2000
    assert "1000 passes per candidate" in p._root.notes[0]
