"""Tests against scipy's, enumeration and worked examples; power by simulation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from p2lbench.stats import detectable, holm, signed_rank


def enumerated(changes: np.ndarray) -> float:  # type: ignore[type-arg]
    """Both tails of the rank sum over all signs."""
    ranks = scipy_stats.rankdata(np.abs(changes))
    center = ranks.sum() / 2
    seen = abs(ranks[changes > 0].sum() - center)
    sums = [ranks @ np.array(signs) for signs in product((0, 1), repeat=len(changes))]
    return float(np.mean([abs(total - center) >= seen - 1e-9 for total in sums]))


def test_signed_rank_is_exact_for_few_images() -> None:
    rng = np.random.default_rng(0)
    for n in (3, 6, 10, 12):
        changes = rng.normal(0.4, 1, n)
        assert signed_rank(changes) == pytest.approx(enumerated(changes))
    assert signed_rank(np.arange(1.0, 13)) == 2 / 2**12


def test_zeros_tell_nothing() -> None:
    changes = np.array([0.0, 1.0, -2.0, 3.0, 4.0, 0.0, 5.5])
    assert signed_rank(changes) == signed_rank(changes[changes != 0])
    assert signed_rank(np.zeros(12)) == 1


def test_many_images() -> None:
    changes = np.random.default_rng(1).normal(0.2, 1, 80)
    assert signed_rank(changes) == scipy_stats.wilcoxon(changes).pvalue


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


@given(values=st.lists(st.floats(0, 1), max_size=8), level=st.floats(0.01, 0.5))
def test_holm_rejects_what_the_step_down_procedure_does(values: list[float], level: float) -> None:
    rejected = set()
    for done, k in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        if values[k] * (len(values) - done) > level:
            break
        rejected.add(k)
    assert {k for k, value in enumerate(holm(values)) if value <= level} == rejected


def test_holm_keeps_the_error_rate_of_all_pairs() -> None:
    rng = np.random.default_rng(2)
    tests = [[signed_rank(rng.normal(size=12)) for _ in range(5)] for _ in range(200)]
    assert np.mean([min(holm(values)) <= 0.05 for values in tests]) <= 0.075
    assert np.mean([min(values) <= 0.05 for values in tests]) > 0.15  # uncorrected


@pytest.mark.parametrize("images", [4, 6, 11])
def test_what_is_detectable_is_detected_four_times_in_five(images: int) -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(size=images)
    smallest = detectable(noise / noise.std(ddof=1))
    assert smallest is not None
    samples = rng.normal(smallest, 1, (4000, images))
    found = scipy_stats.ttest_1samp(samples, 0, axis=1).pvalue <= 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.025)


def test_one_image_detects_nothing() -> None:
    assert detectable(np.ones(1)) is None
