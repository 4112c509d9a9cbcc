"""What each built-in makes of a budget that is not the planned one (protocol `equal`)."""

from __future__ import annotations

from math import inf

import pytest
import torch

from p2lbench.optimizers.adam import Adam
from p2lbench.optimizers.base import Optimizer
from p2lbench.optimizers.basin import Basin, BasinCMA
from p2lbench.optimizers.chain import Chain, CMAAdam, proportions, share, time_share
from p2lbench.optimizers.cma import CMA
from p2lbench.optimizers.lbfgs import LBFGS
from p2lbench.optimizers.nevergrad import Nevergrad
from p2lbench.optimizers.projector import Projector
from p2lbench.optimizers.restarts import AdamRestarts, Restarts
from p2lbench.optimizers.simple import RandomSearch, Start
from p2lbench.optimizers.torchoptim import TorchOptim
from p2lbench.space import Variable
from p2lbench.testing.analytic import problem, rastrigin, spent, sphere

# Plans of 18 to 360 gradients or draws, so that the budgets below are both smaller and larger.
BUILT_INS: dict[str, Optimizer] = {
    "random": RandomSearch(50),
    "adam": Adam(50),
    "cma": CMA(30),
    "cma-diagonal": CMA(30, variant="diagonal"),
    "restarts": Restarts(LBFGS(20), 2),
    "adam+restarts": AdamRestarts(30, restarts=2),
    "chain": Chain([CMA(10), Adam(10)]),
    "chain-lbfgs": Chain([LBFGS(100), Adam(100)]),
    "cma+adam": CMAAdam(10, 50),
    "basin": Basin(CMA(), Adam(), 3, 5, 20),
    "basin-random": Basin(RandomSearch(), Adam(), 3, 5, 20),
    "basincma": BasinCMA(3, 5, 30),
    "torch:SGD": TorchOptim("SGD", 50, lr=1e-3),
    "projector": Projector(50),
}


def hard(x: torch.Tensor) -> torch.Tensor:
    """No method reaches its minimum soon: basins, and a long valley."""
    return rastrigin(x) + 20 * ((x[:, 1:] - x[:, :-1] ** 2) ** 2).sum(1)


def fitted_cost(name: str, candidates: int, budget: int) -> int:
    p = problem(hard, [Variable("z", (128,), bound=4.0)], candidates, passes=budget)
    points = p.run(BUILT_INS[name].fit(p)).points
    assert spent(p) <= budget
    assert points.shape == (candidates, 128)
    return spent(p)


@pytest.mark.parametrize("name", BUILT_INS)
@pytest.mark.parametrize("candidates", [1, 6])
@pytest.mark.parametrize("budget", [200, 600, 1500])
def test_most_of_a_budget_is_spent(name, candidates, budget):
    """A basin leaves less than one of its draws: 18 points of 5 gradients and a score."""
    leaves = 18 * 11 if "basin" in name and budget > 200 else 0.1 * budget
    assert fitted_cost(name, candidates, budget) >= budget - leaves


@pytest.mark.parametrize("name", [name for name in BUILT_INS if "restarts" not in name])
def test_without_a_limit_nothing_changes(name):
    p = problem(variables=[Variable("z", (8,), bound=2.0)])
    optimizer = BUILT_INS[name]
    assert optimizer.fit(p).passes(p.space, 3) == optimizer.passes(p.space, 3)


def test_an_lbfgs_that_converges_stops():
    p = problem(sphere(), passes=10_000)
    p.run(LBFGS().fit(p))
    assert spent(p) < 100


def test_a_basin_whose_budget_pays_for_no_draw_gives_it_to_the_final_steps():
    p = problem(sphere(), [Variable("z", (128,))], candidates=6, passes=500)
    fitted = BasinCMA().fit(p)
    p.run(fitted)
    assert fitted.final_steps == 41
    assert p._root.ledger.backwards == 6 * 41
    assert Basin(CMA(), Adam(), 10, 50, 0).fit(problem(passes=500)).final_steps == 0


def test_a_basin_of_unknown_cost_is_fitted_too():
    p = problem(sphere(), [Variable("z", (8,))], candidates=2, passes=4000)
    p.run(Basin(Nevergrad("DE"), Adam(), 2, 5, 20).fit(p))
    assert spent(p) > 3600


def test_what_a_stage_leaves_goes_to_the_next():
    """CMA converges in a few hundred passes on one column."""
    p = problem(sphere(), [Variable("z", (1,))], candidates=2, passes=4000)
    p.run(Chain([CMA(500), Adam(100)]).fit(p))
    assert spent(p) > 3990
    assert p._root.ledger.backwards > 1500


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ([300], [1.0]),
        ([100, 300], [0.25, 0.75]),
        ([None, None], [0.5, 0.5]),
        ([None, 100, 300], [1 / 3, 1 / 6, 1 / 2]),
        ([0, None], [0.0, 1.0]),
        ([0], [0.0]),
    ],
)
def test_proportions(costs, expected):
    assert proportions(costs) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("left", "costs", "expected"),
    [
        (1000, [300, 400], inf),
        (350, [300, 400], 150),
        (350, [300], inf),
        (inf, [None, 300], inf),
        (1000, [None, 300], 700),
        (400, [None, 300], 200),
        (1000, [300, None], inf),
        (400, [300, None], 200),
        (900, [None, None, 300], 300),
        (100, [0, 100], inf),
    ],
)
def test_the_first_stages_share(left, costs, expected):
    assert share(left, costs) == expected


def test_seconds_are_shared_among_stages_of_unknown_cost():
    assert time_share(8.0, [None, 300]) == 4.0
    assert time_share(8.0, [100, 300]) == 2.0
    assert time_share(8.0, [300]) == 8.0
    assert time_share(inf, [None, 300]) == inf


def test_a_stage_of_unknown_cost_leaves_the_next_what_it_planned():
    p = problem(hard, [Variable("z", (16,), bound=4.0)], candidates=2, passes=1000)
    p.run(Chain([RandomSearch(), Adam(100)]))
    assert p._root.ledger.backwards == 200
    assert spent(p) == 1000


def test_the_start_spends_nothing():
    p = problem(passes=100)
    p.run(Start().fit(p))
    assert spent(p) == 0
