"""Performance profiles and distribution functions: worked by hand, against scipy and rliable."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ecdf

from p2lbench.stats import Steps, distribution, performance_profiles, share_bands

GOLDEN = Path(__file__).parent.parent / "golden" / "rliable.json"


def test_profiles_worked_by_hand() -> None:
    """Three problems, the last of which only b solves; nobody solves the fourth."""
    inf = np.inf
    costs = np.array([[1.0, 2.0, 4.0], [6.0, 3.0, 3.0], [inf, 5.0, inf], [inf, inf, inf]])
    a, b, c = performance_profiles(costs)
    assert a == Steps((1.0, 2.0), (0.25, 0.5))
    assert b == Steps((1.0, 2.0), (0.5, 0.75))
    assert c == Steps((1.0, 4.0), (0.25, 0.5))
    assert [b.value(x) for x in (0.9, 1.0, 1.9, 2.0, 99.0)] == [0, 0.5, 0.5, 0.75, 0.75]


def test_someone_is_the_best_on_every_problem_and_units_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    costs = np.exp(rng.normal(size=(50, 4)))
    found = performance_profiles(costs)
    assert sum(one.value(1.0) for one in found) == pytest.approx(1)
    assert all(one.share[-1] == pytest.approx(1) for one in found)
    scaled = performance_profiles(costs * np.exp(rng.normal(size=(50, 1))))
    for one, other in zip(found, scaled, strict=True):
        np.testing.assert_allclose(one.at, other.at)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan])
def test_costs_are_positive(bad: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        performance_profiles(np.array([[1.0, bad]]))


def test_the_distribution_function_is_scipys() -> None:
    values = np.random.default_rng(1).integers(0, 20, 60).astype(float)
    found, theirs = distribution(values), ecdf(values).cdf
    np.testing.assert_allclose(found.at, theirs.quantiles)
    np.testing.assert_allclose(found.share, theirs.probabilities)


def test_what_is_never_reached_holds_the_share_down() -> None:
    assert distribution(np.array([[3.0, np.inf], [np.inf, 1.0]])) == Steps((1.0, 3.0), (0.25, 0.5))
    assert distribution(np.array([np.inf])) == Steps((), ())
    assert distribution(np.array([np.inf])).value(1e9) == 0
    for bad in (np.array([]), np.array([np.nan])):
        with pytest.raises(ValueError, match="expected costs"):
            distribution(bad)


def test_thinned_steps_are_right_where_they_are() -> None:
    whole = distribution(np.arange(1.0, 1001.0))
    few = whole.thinned(50)
    assert len(few.at) == 50
    assert (few.at[0], few.at[-1]) == (1.0, 1000.0)
    assert all(whole.value(at) == share for at, share in zip(few.at, few.share, strict=True))
    assert whole.thinned(1000) is whole


def test_run_score_distributions_are_rliables() -> None:
    """Their runs of a task are our images of a class; their share is of what is above."""
    golden = json.loads(GOLDEN.read_text())
    thresholds = np.array(golden["tau"])
    for name, scores in golden["scores"].items():
        values = np.array(scores).T  # (tasks, runs)
        above = np.array([1 - distribution(values).value(t) for t in thresholds])
        np.testing.assert_allclose(above, golden["share_above"][name], atol=1e-12)
        strata = tuple(np.repeat(np.arange(len(values)), values.shape[1]).tolist())
        bands = share_bands(values.reshape(-1, 1), thresholds, strata)
        assert bands is not None
        low, high = np.array(golden["band"][name])
        # Theirs are plain percentiles of 4,000 resamples, ours 3% wider at 20 runs of each task.
        np.testing.assert_allclose(1 - bands[:, 1], low, atol=0.016)
        np.testing.assert_allclose(1 - bands[:, 0], high, atol=0.016)


def test_bands_need_two_images() -> None:
    assert share_bands(np.ones((1, 3)), np.array([1.0])) is None
