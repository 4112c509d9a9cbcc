"""How well images tell methods apart, where the truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau

from p2lbench.stats import discrimination
from p2lbench.stats.bootstrap import resampled_means


def simulated(spread: float, images: int, methods: int = 8, seed: int = 0) -> Any:
    """Images differ much, methods by N(0, spread²), the rest by N(0, 1)."""
    rng = np.random.default_rng(seed)
    return (
        5 * rng.normal(size=(images, 1))
        + spread * rng.normal(size=(1, methods))
        + rng.normal(size=(images, methods))
    )


def found(values: Any, **more: Any) -> Any:
    one = discrimination(values, **more)
    assert one is not None
    return one


def test_variances_are_those_of_the_simulation() -> None:
    runs = [found(simulated(0.5, 20, seed=seed)) for seed in range(150)]
    assert np.mean([one.noise for one in runs]) == pytest.approx(1 / 20, rel=0.05)
    assert np.mean([one.between for one in runs]) == pytest.approx(0.25, rel=0.15)


def test_reliability_is_the_correlation_with_the_truth() -> None:
    """Of the means with the methods' true values, squared; none where methods do not differ."""
    rng = np.random.default_rng(3)
    true, seen = [], []
    for _ in range(150):
        methods = 0.3 * rng.normal(size=40)
        values = methods + rng.normal(size=(10, 1)) + rng.normal(size=(10, 40))
        true.append(np.corrcoef(values.mean(axis=0), methods)[0, 1] ** 2)
        seen.append(found(values).reliability)
    assert np.mean(seen) == pytest.approx(np.mean(true), abs=0.05)
    none = [found(simulated(0.0, 20, seed=seed)).reliability for seed in range(100)]
    assert np.mean(none) < 0.3


def test_icc_worked_by_hand() -> None:
    """Means 2 and 4; what is left is ±1 in every cell, so MS_e = 4 and F = 4 / 4."""
    values = np.array([[2.0, 2.0], [2.0, 6.0]])
    one = found(values)
    assert (one.noise, one.between, one.reliability) == (2.0, 0.0, 0.0)
    sure = found(np.array([[2.0, 4.0], [3.0, 5.0]]))
    assert (sure.noise, sure.between, sure.reliability, sure.stability) == (0.0, 2.0, 1.0, 1.0)


def test_stability_is_the_mean_of_scipys_tau() -> None:
    values = simulated(0.4, 12, methods=5)
    full = values.mean(axis=0)
    taus = [kendalltau(full, drawn).statistic for drawn in resampled_means(values[:, None, :])]
    assert found(values).stability == pytest.approx(np.mean(taus))


def test_stability_rises_with_images_and_with_distance() -> None:
    few, many = (np.mean([found(simulated(0.5, n, seed=s)).stability for s in range(10)])
                 for n in (4, 60))  # fmt: skip
    far = found(simulated(9.0, 12)).stability
    assert few < many < far
    assert far > 0.95


def test_what_is_the_same_says_nothing() -> None:
    one = found(np.repeat(np.random.default_rng(0).normal(size=(6, 1)), 3, axis=1))
    assert (one.between, one.reliability, one.stability) == (0, None, 0)
    assert one.noise == pytest.approx(0, abs=1e-24)
    for shape in ((1, 4), (4, 1)):
        assert discrimination(np.ones(shape)) is None


def test_classes_are_kept_in_resamples() -> None:
    rng = np.random.default_rng(5)
    values = np.zeros((16, 2)) + 0.1 * rng.normal(size=(16, 2))
    values[:8, 0] += 3.0
    values[8:, 1] += 2.0
    strata = (0,) * 8 + (1,) * 8
    assert found(values, strata=strata).stability == 1
    assert found(values).stability < 0.9
