"""Passes to a target: worked by hand and on simulated runs whose law is known."""

from __future__ import annotations

import numpy as np
import pytest

from p2lbench.stats import area, distribution, expected_passes, first_reached, log_spaced

inf, nan = np.inf, np.nan


def test_a_target_is_reached_at_the_first_logged_point() -> None:
    passes, best = np.array([1.0, 10.0, 100.0]), np.array([nan, 5.0, 2.0])
    targets = np.array([9.0, 5.0, 4.9, 2.0, 1.9])
    assert first_reached(passes, best, targets).tolist() == [10, 10, 100, 100, inf]


def test_what_was_reached_stays_reached() -> None:
    found = first_reached(np.array([1.0, 2.0, 3.0]), np.array([4.0, nan, 9.0]), np.array([4.0]))
    assert found.tolist() == [1]
    assert first_reached(np.array([]), np.array([]), np.array([4.0])).tolist() == [inf]


def test_targets_include_both_ends_exactly() -> None:
    values = log_spaced(0.3, 0.0007, 10)
    assert (values[0], values[-1]) == (0.3, 0.0007)
    np.testing.assert_allclose(np.diff(np.log(values)), np.log(0.0007 / 0.3) / 9)
    np.testing.assert_allclose(log_spaced(2.0, -1.0, 4), [2, 1, 0, -1])
    assert log_spaced(1.0, 2.0, 3).tolist() == [2, 2, 2]  # nothing is below the prior's median


def test_expected_passes_worked_by_hand() -> None:
    hits = np.array([[10.0, 50.0], [30.0, inf], [inf, inf]])
    spent = np.array([100.0, 100.0, 60.0])
    assert expected_passes(hits, spent).tolist() == [(10 + 30 + 60) / 2, (50 + 100 + 60) / 1]
    assert expected_passes(np.full((2, 1), inf), np.ones(2)).tolist() == [inf]


def test_expected_passes_are_those_of_restarts() -> None:
    """A run reaches the target with probability 0.3 after 20 passes, else spends 100."""
    rng = np.random.default_rng(0)
    hits = np.where(rng.random(40_000) < 0.3, 20.0, inf)[:, None]
    restarted = 20 + 100 * (1 / 0.3 - 1)
    assert expected_passes(hits, np.full(40_000, 100.0))[0] == pytest.approx(restarted, rel=0.04)


def test_the_area_is_that_below_the_distribution_function() -> None:
    rng = np.random.default_rng(2)
    hits = np.where(rng.random(200) < 0.8, np.exp(rng.uniform(0, 9, 200)), inf)
    horizon = 5000.0
    grid = np.linspace(0, np.log(horizon), 20_001)
    steps = distribution(hits)
    numeric = np.mean([steps.value(float(np.exp(x))) for x in grid])
    assert area(hits, horizon) == pytest.approx(numeric, abs=1e-3)
    assert area(np.full(3, inf), 100.0) == 0
    assert area(np.ones(3), 100.0) == 1
    assert area(np.array([1.0, inf]), 1.0) == 0.5
