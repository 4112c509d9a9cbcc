"""The strategies against pycma and against their own contract."""

import statistics
from math import log10

import cma
import numpy as np
import p2lbench_cmaes
import pytest
import torch
from p2lbench_cmaes import CmaEs, MapCma, SepCma, XNes

from p2lbench.api import Skip, Variable
from p2lbench.testing.analytic import ellipsoid, problem, rosenbrock, spent, sphere

METHODS = [CmaEs, SepCma, MapCma, XNes]
FUNCTIONS = {"sphere": sphere(0.5), "ellipsoid": ellipsoid, "rosenbrock": rosenbrock}
D = 8


def loss_of_the_mean(method, f, steps, seed):
    p = problem(f, [Variable("z", (D,))], candidates=1, seed=seed)
    return float(f(p.run(method(steps, final="mean")).points))


def pycmas(f, steps, seed):
    options = {"verbose": -9, "seed": seed + 1}
    strategy = cma.CMAEvolutionStrategy([0.0] * D, 1.0, options)
    for _ in range(steps):
        points = strategy.ask()
        strategy.tell(points, f(torch.from_numpy(np.stack(points)).float()).double().tolist())
    return float(f(torch.from_numpy(strategy.mean)[None].float()))


def medians(method, name, steps):
    """Of log10 of the loss over 5 seeds, ours and pycma's: same start, same cost."""
    f = FUNCTIONS[name]
    ours = statistics.median(log10(loss_of_the_mean(method, f, steps, seed)) for seed in range(5))
    return ours, statistics.median(log10(pycmas(f, steps, seed)) for seed in range(5))


@pytest.mark.parametrize(
    ("method", "name", "steps"),
    [
        (CmaEs, "sphere", 40),
        (CmaEs, "ellipsoid", 100),
        (CmaEs, "rosenbrock", 150),
        (MapCma, "sphere", 40),
    ],
)
def test_it_descends_as_pycma_does(method, name, steps):
    ours, pycma = medians(method, name, steps)
    assert abs(ours - pycma) < 0.8


def test_sep_cma_gains_from_a_separable_function():
    ours, pycma = medians(SepCma, "ellipsoid", 80)
    assert ours < pycma - 1


def test_xnes_descends():
    assert loss_of_the_mean(XNes, sphere(0.5), 80, 0) < 0.1 * float(sphere(0.5)(torch.zeros(1, D)))


@pytest.mark.parametrize("method", METHODS)
def test_sigma_is_in_units_of_the_spread_around_the_center(method):
    p = problem(variables=[Variable("z", (40,), mean=3.0, std=10.0)])
    search = method(1, sigma=0.5)
    search.begin(p)
    draws = search.draw(200)
    assert abs(float(draws.mean()) - 3) < 0.5
    assert abs(float(draws.std()) - 5) < 0.3


@pytest.mark.parametrize("method", METHODS)
def test_points_beyond_the_bounds_are_told_as_drawn(method):
    p = problem(variables=[Variable("z", (6,), bound=0.1)])
    search = method(1)
    search.begin(p)
    told = []
    search._strategy.tell = lambda solutions: told.extend(x for x, _ in solutions)
    points = search.ask()
    assert float(points.abs().max()) > 0.1
    search.learn(points, p.loss(points), torch.zeros(len(points), dtype=torch.long))
    assert np.allclose(np.stack(told), points.double().numpy())


@pytest.mark.parametrize("method", METHODS)
def test_it_recommends_its_mean(method):
    p = problem(sphere(0.5), [Variable("z", (6,))])
    search = method(None)
    search.begin(p)
    for _ in range(5):
        points = search.ask()
        search.learn(points, p.loss(points), torch.arange(len(points)) % 3)
    many = search.draw(4000)
    assert float((many.mean(0) - search.recommend()).abs().max()) < 0.1
    ends = problem(sphere(0.5), [Variable("z", (6,))]).run(method(5, final="mean")).points
    assert torch.equal(ends, ends[:1].expand(3, -1))
    assert len(problem().run(method(5)).points.unique(dim=0)) == 3


@pytest.mark.parametrize("method", METHODS)
def test_its_own_default_is_the_librarys_population(method):
    for d in (2, 6, 128):
        p = problem(variables=[Variable("z", (d,))])
        search = method(1)
        search.begin(p)
        planned = search.population_size(p.space, 3)
        default = getattr(__import__("cmaes"), method.library)(np.zeros(d), 1.0).population_size
        assert planned == default == len(search.ask())


def test_one_column_is_for_cma_alone():
    def one():
        return problem(variables=[Variable("z", (1,), bound=2.0)], passes=100)

    assert float(sphere()(one().run(CmaEs()).points).max()) < 1e-2
    for method in (SepCma, MapCma, XNes):
        with pytest.raises(Skip, match="2 columns or more, got 1"):
            one().run(method())


@pytest.mark.parametrize("method", METHODS)
def test_many_columns(method):
    p = problem(variables=[Variable("z", (512,), bound=2.0)], passes=45)
    assert bool(p.run(method(2)).points.isfinite().all())
    assert spent(p) == 44


@pytest.mark.parametrize("method", [CmaEs, SepCma, MapCma])
def test_it_ends_when_it_has_converged(method):
    p = problem(sphere(0.5), [Variable("z", (4,))])
    points = p.run(method(5000)).points
    assert spent(p) < 8 * 2000
    assert float(sphere(0.5)(points).max()) < 1e-8


@pytest.mark.parametrize("method", METHODS)
def test_losses_that_are_no_numbers_end_it_in_order(method):
    p = problem(lambda x: x.sum(1) * torch.nan)
    assert bool(p.run(method(5000)).points.isfinite().all())
    assert spent(p) < 8 * 5000


def test_a_distribution_that_breaks_down_leaves_the_best_point_told():
    """With so few points the library's xNES runs away along the edge of what is no number."""

    def partly(x):
        return torch.where(x[:, 0] > 0.6, torch.nan, sphere()(x))

    p = problem(partly, [Variable("z", (2,))])
    search = XNes(250, population=5)
    search.begin(p)
    for _ in range(250):
        points = search.ask()
        assert bool(points.isfinite().all())
        search.learn(points, p.loss(points), torch.arange(len(points)) % 3)
        if search.done():
            break
    assert float(partly(search.result()).max()) == float(partly(p.best()).min())
    assert torch.equal(search.recommend(), search.result()[0])


@pytest.mark.parametrize("method", [CmaEs, SepCma, MapCma])
def test_points_that_a_descent_has_moved_speed_it_up(method):
    """What a basin does: every point goes half of its way downhill before it is told."""
    assert method.takes_moved

    def searched(told):
        p = problem(sphere(0.5), [Variable("z", (16,))])
        search = method(None)
        search.begin(p)
        for _ in range(20):
            points = search.ask()
            moved = points + 0.5 * (0.5 - points)
            search.learn(moved if told else points, p.loss(moved), torch.arange(len(points)) % 3)
        return float(sphere(0.5)(search.recommend()[None]))

    assert searched(told=True) < 0.1 * searched(told=False)


def test_xnes_wants_its_own_points():
    assert not XNes.takes_moved


def test_learning_rate_adaptation_is_handed_on():
    f = sphere(0.5)
    plain, adapted = (
        problem(f, passes=400).run(CmaEs(None, lr_adapt=adapt)).points for adapt in (False, True)
    )
    assert not torch.equal(plain, adapted)


def test_momentum_is_handed_on():
    ends = [problem(passes=200).run(MapCma(None, momentum=r)).points for r in (None, 0.5)]
    assert not torch.equal(*ends)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        (CmaEs, {"steps": 0}),
        (SepCma, {"sigma": 0.0}),
        (XNes, {"population": 1}),
        (MapCma, {"population": 3}),
        (MapCma, {"momentum": 0.0}),
    ],
)
def test_wrong_options_are_named(method, options):
    with pytest.raises(ValueError, match=rf"^{next(iter(options))}: expected"):
        method(**options)


def test_the_names_it_registers():
    found = {}
    p2lbench_cmaes.register_optimizers(lambda name, factory: found.update({name: factory}))
    assert set(found) == {"cmaes:cma", "cmaes:sep-cma", "cmaes:map-cma", "cmaes:xnes"}
