"""Best of k against all subsets and a known expectation."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2lbench.stats import best_of_k

numbers = st.floats(-1e6, 1e6)


@given(values=st.lists(numbers, min_size=1, max_size=7), higher=st.booleans())
def test_is_the_mean_over_all_subsets(values: list[float], higher: bool) -> None:
    pick = max if higher else min
    subsets = [list(combinations(values, k)) for k in range(1, len(values) + 1)]
    expected = [np.mean([pick(subset) for subset in found]) for found in subsets]
    assert best_of_k(np.array(values), higher) == pytest.approx(expected, abs=1e-6)


def test_is_unbiased() -> None:
    draws = np.random.default_rng(0).uniform(size=(4000, 9))
    expected = 1 / (np.arange(1, 10) + 1)  # of the least of k uniform numbers
    np.testing.assert_allclose(best_of_k(draws).mean(axis=0), expected, atol=0.01)


def test_many_candidates_do_not_overflow() -> None:
    curve = best_of_k(np.arange(2000.0))
    assert np.isfinite(curve).all()
    assert (curve[0], curve[-1]) == (pytest.approx(999.5), 0)
    assert (np.diff(curve) < 0).all()
