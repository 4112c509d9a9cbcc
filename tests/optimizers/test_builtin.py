"""Every built-in optimizer keeps the contract, on analytic problems with known minima."""

from __future__ import annotations

import copy
import pickle
import random
from math import inf

import numpy as np
import pytest
import torch

from p2lbench.optimizers.adam import Adam
from p2lbench.optimizers.base import Optimizer
from p2lbench.optimizers.basin import Basin, BasinCMA
from p2lbench.optimizers.chain import Chain, CMAAdam
from p2lbench.optimizers.cma import CMA
from p2lbench.optimizers.lbfgs import LBFGS
from p2lbench.optimizers.nevergrad import Nevergrad
from p2lbench.optimizers.restarts import AdamRestarts
from p2lbench.optimizers.simple import RandomSearch, Start
from p2lbench.space import Variable
from p2lbench.testing.analytic import problem, spent, sphere

# SciPy warns in a thread that Nevergrad starts, where the optimizer's own filter does not reach.
pytestmark = pytest.mark.filterwarnings("ignore:COBYLA")

VARIABLES = [
    Variable("z", (6,), bound=2.0),
    Variable("c", (3,), mean=0.1, std=0.02, step=1e-4, role="gradient"),
]
BUILT_INS: dict[str, Optimizer] = {
    "none": Start(),
    "random": RandomSearch(200),
    "adam": Adam(150),
    "lbfgs": LBFGS(40, lr=1.0),
    "adam+restarts": AdamRestarts(40, restarts=3),
    "cma": CMA(80),
    "cma+adam": CMAAdam(30, 80),
    "chain": Chain([RandomSearch(20), CMA(20), Adam(50)]),
    "basincma": BasinCMA(6, 6, 60),
    "basin-losses": BasinCMA(6, 6, 60, inherit="losses"),
    "basin-ema": Basin(CMA(), Adam(), 4, 5, 0, redraw="ema", final="mean"),
    "basin-nevergrad": Basin(Nevergrad("DE"), Adam(), 3, 4, 40),
    "nevergrad:OnePlusOne": Nevergrad("OnePlusOne", 150),
    "nevergrad:DE": Nevergrad("DE", 20),
    "nevergrad:PSO": Nevergrad("PSO", 15),
    "nevergrad:CMA": Nevergrad("CMA", 40),
    "nevergrad:Cobyla": Nevergrad("Cobyla", 60),
}
SEARCHES = [name for name in BUILT_INS if name != "none"]


def run(name: str, candidates: int = 3, **options):
    p = problem(variables=VARIABLES, deviations={"c": 0.0}, candidates=candidates, **options)
    return p, p.run(BUILT_INS[name]).points


@pytest.mark.parametrize("name", BUILT_INS)
def test_same_seed_same_points_and_global_random_states_are_left_alone(name):
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    states = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
    _, a = run(name)
    assert random.getstate() == states[0]
    assert (np.random.get_state()[1] == states[1]).all()
    assert torch.equal(torch.get_rng_state(), states[2])
    np.random.rand(3)
    _, b = run(name)
    assert torch.equal(a, b)
    if name != "none":
        assert not torch.equal(a, run(name, seed=1)[1])


@pytest.mark.parametrize("name", SEARCHES)
def test_it_improves_on_the_start(name):
    p, points = run(name)
    z = p.space.columns(["z"])
    before, after = (((x[:, z] - 0.5) ** 2).sum(1).min() for x in (p.start, points))
    assert after < 0.5 * before
    assert bool((points[:, z].abs() <= 2).all())


@pytest.mark.parametrize("name", ["cma", "random", "nevergrad:DE", "nevergrad:OnePlusOne"])
def test_gradient_free_search_holds_the_class_vector_at_its_start(name):
    p, points = run(name)
    assert torch.equal(p.space.split(points)["c"], p.space.split(p.start)["c"])


@pytest.mark.parametrize("name", BUILT_INS)
def test_the_planned_cost_is_what_is_spent(name):
    p, _ = run(name)
    planned = BUILT_INS[name].passes(p.space, p.candidates)
    if planned is not None:
        assert spent(p) == planned


@pytest.mark.parametrize("name", BUILT_INS)
@pytest.mark.parametrize("cap", [0, 1, 7, 50, 333])
def test_a_budget_may_end_anywhere(name, cap):
    p, points = run(name, passes=cap)
    assert spent(p) <= cap
    assert points.shape == (3, 9)
    assert bool(points.isfinite().all())


@pytest.mark.parametrize("name", BUILT_INS)
@pytest.mark.parametrize("candidates", [1, 5])
def test_any_number_of_candidates(name, candidates):
    assert run(name, candidates)[1].shape == (candidates, 9)


@pytest.mark.parametrize("name", BUILT_INS)
@pytest.mark.parametrize("d", [1, 64])
def test_any_dimension(name, d):
    p = problem(variables=[Variable("z", (d,), bound=2.0)], passes=400)
    assert bool(p.run(BUILT_INS[name]).points.isfinite().all())


@pytest.mark.parametrize("name", BUILT_INS)
def test_nan_losses_are_survived(name):
    def sometimes(x):
        losses = sphere()(x)
        return torch.where(x[:, 0] > 0.6, torch.nan, losses)

    assert run(name, f=sometimes)[1].shape == (3, 9)
    everywhere = run(name, f=lambda x: x.sum(1) * torch.nan, passes=300)[1]
    assert everywhere.shape == (3, 9)


@pytest.mark.parametrize("name", BUILT_INS)
def test_it_is_picklable_and_left_as_it_was(name):
    optimizer = BUILT_INS[name]
    before = copy.deepcopy(vars(optimizer))
    run(name)
    assert vars(optimizer).keys() == before.keys()
    assert pickle.loads(pickle.dumps(optimizer)).coupled == optimizer.coupled


@pytest.mark.parametrize("name", [n for n, o in BUILT_INS.items() if not o.coupled])
def test_candidates_that_are_not_coupled_do_not_meet(name):
    _, few = run(name, 2)
    _, many = run(name, 6)
    torch.testing.assert_close(many[:2], few, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["adam", "adam+restarts", "cma", "cma+adam", "basincma", "random", "nevergrad:DE"]
)
def test_fit_spends_most_of_a_budget_and_never_more(name):
    p = problem(variables=[Variable("z", (64,), bound=2.0)], passes=4000)
    p.run(BUILT_INS[name].fit(p))
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
