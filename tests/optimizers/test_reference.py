"""Adam and CMA against the implementations that everybody knows."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from p2lbench.optimizers.adam import Adam, step_sizes
from p2lbench.optimizers.basin import Basin, BasinCMA
from p2lbench.optimizers.chain import CMAAdam
from p2lbench.optimizers.cma import CMA
from p2lbench.optimizers.nevergrad import Nevergrad
from p2lbench.optimizers.restarts import AdamRestarts
from p2lbench.space import Space, Variable
from p2lbench.testing.analytic import problem, rastrigin

GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "cma_distribution.json").read_text())


def rosenbrock(x: torch.Tensor) -> torch.Tensor:
    return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(1)


def sphere(x: torch.Tensor) -> torch.Tensor:
    return (x**2).sum(1)


def test_adam_is_torchs_run_alone_for_every_candidate():
    p = problem(rosenbrock, [Variable("z", (6,))], candidates=4)
    ours = p.run(Adam(steps=200, lr=0.02)).points
    for k, start in enumerate(p.start):
        x = start.clone().requires_grad_(True)
        theirs = torch.optim.Adam([x], lr=0.02)
        for _ in range(200):
            theirs.zero_grad()
            rosenbrock(x[None]).sum().backward()
            theirs.step()
        torch.testing.assert_close(ours[k], x.detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "f"), [("sphere", sphere), ("rosenbrock", rosenbrock)])
def test_cma_descends_as_pycma_does(name, f):
    """The population's mean loss after 50 iterations, over 12 seeds, against 40 of pycma's."""
    golden = GOLDEN[name]
    expected = golden["distribution"]["log10_mean_f_pop_iter50"]
    found = []
    for seed in range(12):
        losses: list[float] = []

        class Watched(CMA):
            def tell(self, points, losses_, keep=losses):
                keep.append(float(losses_.double().mean()))
                super().tell(points, losses_)

        start = Variable("z", (16,), mean=torch.tensor(golden["x0"]), std=1.0)
        p = problem(f, [start], seed=seed)
        p.run(Watched(50, golden["sigma0"], 12))
        found.append(math.log10(losses[-1]))
    mean = sum(found) / len(found)
    assert abs(mean - expected["mean"]) < 3 * expected["std"] / math.sqrt(len(found)) + 0.02


def test_cmas_population_is_the_papers_18_at_128_columns():
    assert CMA().population_size(Space([Variable("z", (128,))]), 1) == 18


def test_cma_is_scaled_by_the_priors_deviation():
    wide = problem(sphere, [Variable("z", (400,), std=3.0)], candidates=40)
    draws = wide.run(CMA(1, sigma=0.5)).points
    assert float(draws.std()) == pytest.approx(1.5, rel=0.1)


def test_cmas_last_draws_or_mean():
    p = problem(sphere, candidates=3)
    assert len({tuple(x) for x in p.run(CMA(5)).points.tolist()}) == 3
    assert len({tuple(x) for x in p.run(CMA(5, final="mean")).points.tolist()}) == 1


def test_a_number_as_lr_leaves_gradient_variables_their_own_step():
    space = Space([Variable("z", (2,), step=0.05), Variable("c", (1,), step=1e-4, role="gradient")])
    assert step_sizes(space, 0.3).tolist() == pytest.approx([0.3, 0.3, 1e-4])
    assert step_sizes(space, {"c": 0.2}).tolist() == pytest.approx([0.05, 0.05, 0.2])
    both = Space(space.variables, {"c": "both"})
    assert step_sizes(both, 0.3).tolist() == pytest.approx([0.3, 0.3, 1e-4])
    with pytest.raises(ValueError, match="unknown variable 'zz'"):
        step_sizes(space, {"zz": 0.1})


def test_the_presets_are_the_papers():
    basin, chain = BasinCMA(), CMAAdam()
    assert (basin.outer_steps, basin.inner_steps, basin.final_steps) == (30, 30, 300)
    assert [stage.steps for stage in chain.stages] == [100, 500]
    assert (Adam().steps, CMA().steps) == (500, 300)
    space = Space([Variable("z", (128,))])
    # 18 candidates of BasinCMA: 30 draws of 18 points, 30 gradients and a score each, then 300.
    assert basin.passes(space, 18) == 30 * 18 * 61 + 2 * 18 * 300


def test_basin_tells_where_the_descents_ended_or_what_was_drawn():
    told = {}

    class Watched(CMA):
        def tell(self, points, losses):
            told.setdefault("points", points.clone())
            super().tell(points, losses)

        def ask(self):
            asked = super().ask()
            told.setdefault("asked", asked.clone())
            return asked

    for inherit in ("points", "losses"):
        told.clear()
        optimizer = BasinCMA(2, 5, 0, inherit=inherit)
        optimizer.outer = Watched(None)
        problem(sphere).run(optimizer)
        assert torch.equal(told["points"], told["asked"]) == (inherit == "losses")


def test_sequential_methods_start_where_their_candidates_do():
    p = problem(sphere, candidates=4)
    first = []

    class Watched(Nevergrad):
        def ask(self):
            points = super().ask()
            first.append(points.clone())
            return points

    p.run(Watched("OnePlusOne", 3))
    torch.testing.assert_close(first[0], p.start)


def test_restarts_escape_a_basin_that_one_run_is_caught_in():
    p = problem(rastrigin, candidates=2, seed=1)
    once = rastrigin(p.run(Adam(60, lr=0.02)).points)
    many = rastrigin(p.run(AdamRestarts(60, lr=0.02, restarts=12)).points)
    assert bool((many <= once + 1e-4).all())
    assert float(many.mean()) < float(once.mean())


def test_inside_a_basin_the_inner_optimizers_own_steps_do_not_apply():
    for own in (2, 700):
        p = problem(sphere, candidates=2)
        basin = Basin(CMA(None), Adam(own), 1, 7, 600)
        p.run(basin)
        assert p._root.ledger.passes == basin.passes(p.space, 2)
        assert p._root.ledger.backwards == 8 * 7 + 2 * 600
