"""CMA's variants and repairs against pycma driven by hand, and what they must not do."""

from __future__ import annotations

import warnings
from contextlib import redirect_stdout
from io import StringIO
from math import inf
from typing import get_args

import cma
import numpy as np
import pytest
import torch
from cma.restricted_gaussian_sampler import GaussVDSampler, GaussVkDSampler

from p2lbench.optimizers.adam import Adam
from p2lbench.optimizers.basin import Basin, BasinCMA
from p2lbench.optimizers.chain import CMAAdam
from p2lbench.optimizers.cma import CMA, Repair, Variant
from p2lbench.optimizers.repair import Penalty, redrawn
from p2lbench.space import Variable
from p2lbench.testing.analytic import problem, spent, sphere

VARIANTS, REPAIRS = get_args(Variant), get_args(Repair)
PAIRS = [(v, r) for v in VARIANTS for r in REPAIRS if (v, r) != ("vkd", "resample")]


def ellipsoid(x: torch.Tensor) -> torch.Tensor:
    """Condition 1e4, its axes along the columns."""
    return (10 ** torch.linspace(0, 4, x.shape[1]) * x**2).sum(1)


def by_hand(variant: str, f, rng: np.random.Generator, d: int, steps: int) -> np.ndarray:
    """The mean after so many iterations of pycma itself, in float32 as our points are."""

    def randn(*size):
        return rng.standard_normal(size)

    options = {"randn": randn, "seed": np.nan, "verbose": -9, "CMA_diagonal": variant == "diagonal"}
    if variant in ("vd", "vkd"):
        sampler = GaussVDSampler if variant == "vd" else GaussVkDSampler
        options |= {"CMA_sampler_options": {"randn": randn}}
        sampler.extend_cma_options(options)
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        strategy = cma.CMAEvolutionStrategy([0.0] * d, 1.0, options)
        for _ in range(steps):
            points = torch.from_numpy(np.asarray(strategy.ask())).float()
            solutions = list(points.double().numpy())
            strategy.tell(solutions, f(points).double().tolist(), check_points=False)
    return strategy.mean


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_variant_is_pycmas(variant):
    p = problem(ellipsoid, [Variable("z", (20,))])
    begun = p.rng.bit_generator.state
    ours = p.run(CMA(60, variant=variant, final="mean")).points[0]
    rng = np.random.Generator(np.random.Philox(0))
    rng.bit_generator.state = begun
    theirs = torch.from_numpy(by_hand(variant, ellipsoid, rng, 20, 60)).float()
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)
    other = problem(ellipsoid, [Variable("z", (20,))]).run(CMA(60, active=False, final="mean"))
    assert not torch.allclose(ours, other.points[0], atol=1e-2)


def test_the_full_variant_without_active_update_is_another_than_with_it():
    runs = [problem().run(CMA(20, active=active)).points for active in (None, True, False)]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


def test_without_bounds_the_repairs_are_one():
    free = [Variable("z", (6,))]
    runs = [problem(variables=free).run(CMA(30, repair=r, active=True)).points for r in REPAIRS]
    assert torch.equal(runs[0], runs[1])
    assert torch.equal(runs[0], runs[2])


@pytest.mark.parametrize(("variant", "repair"), PAIRS)
def test_a_minimum_at_bounds_is_found(variant, repair):
    """Two of twelve columns have their best value outside the bounds."""
    goal = torch.tensor([3.0, -3.0] + [0.5] * 10)
    p = problem(lambda x: ((x - goal) ** 2).sum(1), [Variable("z", (12,), bound=2.0)])
    points = p.run(CMA(250, variant=variant, repair=repair)).points
    torch.testing.assert_close(points, goal.clamp(-2, 2).expand(3, -1), rtol=0, atol=0.05)


def test_resampling_in_a_corner_does_not_explode():
    """With the active update it would, on every seed."""
    p = problem(sphere(3.0), [Variable("z", (4,), bound=2.0)])
    points = p.run(CMA(400, repair="resample")).points
    torch.testing.assert_close(points, torch.full((3, 4), 2.0), rtol=0, atol=1e-4)


@pytest.mark.parametrize("repair", REPAIRS)
def test_what_is_told_about_points_outside(repair):
    told = {}

    class Watched(CMA):
        def ask(self):
            told["asked"] = super().ask()
            return told["asked"]

        def tell(self, points, losses):
            told["points"], told["losses"] = points.clone(), losses.clone()
            super().tell(points, losses)
            told["told"] = torch.tensor(self._strategy.fit.fit_plus_pen)

    p = problem(sphere(3.0), [Variable("z", (4,), bound=2.0)])
    p.run(Watched(1, sigma=3.0, population=10, repair=repair))
    outside = (told["asked"].abs() > 2).any(1)
    assert torch.equal(told["points"], told["asked"])
    torch.testing.assert_close(told["losses"], sphere(3.0)(told["asked"].clamp(-2, 2)))
    extra = told["told"] - told["losses"].double()
    if repair == "resample":
        assert not outside.any()
    elif repair == "clamp":
        assert outside.any()
        assert not extra.any()
    else:
        assert outside.any()
        assert torch.equal(extra > 1e-6, outside)


def test_the_penalty_is_the_published_one():
    """The mean leaves the bounds in the first of four columns; its weight then grows alone."""
    low, high = np.full(4, -1.0), np.array([1.0, 1.0, 1.0, inf])
    strategy = cma.CMAEvolutionStrategy([0.0] * 4, 0.5, {"verbose": -9, "seed": 1})
    penalty = Penalty(low, high)
    points = np.array([[2.0, 0, 0, 9], [0.5, -3, 0, 0], [0, 0, 0, 0], [0.1, 0.2, 0, 0]])
    losses = np.array([1.0, 2.0, 4.0, 8.0])
    assert penalty(points, losses, strategy).tolist() == [0.25, 1.0, 0, 0]
    strategy.mean = np.array([4.0, 0, 0, 50.0])
    # The quartiles of the four losses are 2 and 8; pycma begins with variances of nearly sigma².
    variances = 0.25 * strategy.sm.variances
    delta = (8 - 2) / variances.mean()
    far = 3 / variances[0] ** 0.5 - 3 * max(1, 2 / strategy.sp.weights.mueff)
    grown = 2 * delta * np.exp(np.tanh(far / 3) / 2) ** min(1, strategy.sp.weights.mueff / 40)
    found = penalty(points, losses, strategy)
    np.testing.assert_allclose(found, [grown / 4, 2 * delta * 4 / 4, 0, 0], rtol=1e-12)


def test_the_penalty_waits_for_a_scale():
    strategy = cma.CMAEvolutionStrategy([5.0] * 3, 0.5, {"verbose": -9, "seed": 1})
    penalty = Penalty(np.full(3, -1.0), np.ones(3))
    points = np.full((5, 3), 3.0)
    for losses in ([], [1.0, 2.0], [1.0] * 5):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert penalty(points, np.array(losses), strategy).tolist() == [4.0] * 5


def test_redraws_end():
    asked = []

    def ask(n):
        asked.append(n)
        return np.full((n, 2), 5.0)

    found = redrawn(np.array([[0.5, 0.5], [0.5, 2.0]]), np.zeros(2), np.ones(2), ask)
    assert found.tolist() == [[0.5, 0.5], [1.0, 1.0]]
    assert asked == [1] * 100


@pytest.mark.parametrize(
    ("variant", "repair", "d"),
    [(*pair, d) for pair in PAIRS for d in (1, 12)] + [(v, "clamp", 310) for v in VARIANTS],
)
def test_every_variant_survives(variant, repair, d):
    """Losses that are NaN or equal, budgets that end anywhere, and nothing global is moved."""
    state = np.random.get_state()
    functions = {
        "some": lambda x: torch.where(x[:, 0] > 0.6, torch.nan, sphere()(x)),
        "all": lambda x: x.sum(1) * torch.nan,
        "flat": lambda x: x.sum(1) * 0,
    }
    for f in functions.values():
        for cap in (0, 1, 30, 333):
            p = problem(f, [Variable("z", (d,), bound=2.0)], passes=cap)
            points = p.run(CMA(12, variant=variant, repair=repair)).points
            assert spent(p) <= cap
            assert bool((points.abs() <= 2).all())
    after = np.random.get_state()
    assert (state[1] == after[1]).all()
    assert state[2] == after[2]


@pytest.mark.parametrize(("variant", "repair"), PAIRS)
def test_basins_take_every_variant(variant, repair):
    state = np.random.get_state()
    f = sphere()
    basin = Basin(CMA(variant=variant, repair=repair), Adam(), 5, 4, 10)
    runs = [problem(f, [Variable("z", (20,), bound=2.0)]) for _ in range(2)]
    points = [p.run(basin).points for p in runs]
    assert torch.equal(*points)
    assert float(f(points[0]).max()) < float(f(runs[0].start).min())
    assert spent(runs[0]) == basin.passes(runs[0].space, 3)
    assert (state[1] == np.random.get_state()[1]).all()


def test_from_300_columns_on_a_basins_moved_points_are_as_good_as_below():
    for d in (299, 301):
        p = problem(sphere(), [Variable("z", (d,), bound=2.0)])
        before, points = sphere()(p.start).mean(), p.run(BasinCMA(6, 6, 10)).points
        assert sphere()(points).mean() < 0.6 * before


def test_the_last_draws_of_vkd_are_no_mirror_images():
    p = problem(sphere(), [Variable("z", (30,))], candidates=6)
    optimizer = CMA(8, variant="vkd", population=10)
    optimizer.begin(p)
    for _ in range(4):
        points = optimizer.ask()
        optimizer.learn(points, p.loss(points), torch.arange(10) % 6)
    middle = optimizer.recommend()
    first, second = optimizer.ask()[:2] - middle
    torch.testing.assert_close(first, -second, rtol=0, atol=1e-5)
    first, second = optimizer.draw(6)[:2] - middle
    assert not torch.allclose(first, -second, atol=1e-2)
    assert optimizer.draw(1).shape == (1, 30)


def test_a_restricted_variant_in_few_columns_is_noted(capsys):
    p = problem(variables=[Variable("z", (5,))])
    p.run(CMA(3, variant="vd"))
    assert "advises against vd below 10 columns" in p._root.notes[0]
    assert capsys.readouterr().out == ""


def test_presets_pass_the_variant_on():
    assert CMAAdam(variant="diagonal").stages[0].variant == "diagonal"
    assert BasinCMA(variant="vd").outer.variant == "vd"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variant": "vd", "active": True}, "active: the variant vd"),
        ({"variant": "vkd", "repair": "resample"}, "repair: vkd must"),
        ({"population": 3, "repair": "penalty"}, "population: penalty takes at least 4"),
    ],
)
def test_what_does_not_go_together(options, message):
    with pytest.raises(ValueError, match=message):
        CMA(**options)
