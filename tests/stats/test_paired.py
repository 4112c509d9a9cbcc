"""Effects by hand, under swaps, and on simulated pairs whose ratio is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2lbench.stats import effect

positive = st.floats(1e-3, 1e3)
pairs = st.tuples(st.integers(1, 6), st.integers(1, 3)).flatmap(
    lambda shape: st.tuples(
        *(
            st.lists(positive, min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]).map(
                lambda flat: np.array(flat).reshape(shape)
            )
            for _ in range(2)
        )
    )
)


def column(*values: float) -> Any:
    return np.array(values)[:, None]


def test_by_hand() -> None:
    found = effect(column(1.0, 2.0, 4.0, 3.0), column(2.0, 8.0, 2.0, 3.0), "ratio")
    assert found.value == pytest.approx((1 / 2 * 1 / 4 * 2 * 1) ** (1 / 4))
    assert (found.won, found.tied, found.images) == (2, 1, 4)
    assert found.better == 0.625
    np.testing.assert_allclose(found.changes, np.log([0.5, 0.25, 2, 1]))


def test_differences_where_higher_is_better() -> None:
    found = effect(column(20.0, 31.0), column(10.0, 32.0), "difference", higher_is_better=True)
    assert found.value == pytest.approx(4.5)
    assert (found.won, found.better) == (1, 0.5)


def test_repeats_count_within_their_image() -> None:
    ours, theirs = np.array([[1.0, 1.0], [1.0, 4.0]]), np.array([[2.0, 2.0], [2.0, 1.0]])
    found = effect(ours, theirs, "ratio")
    assert found.value == pytest.approx(np.exp((np.log(0.5) + np.log(2) / 2) / 2))
    assert (found.won, found.better) == (1, 0.75)  # on the second image the ratios' mean is above 1


@given(pair=pairs)
@settings(max_examples=60)
def test_a_swap_inverts_the_ratio(pair: Any) -> None:
    one, other = effect(*pair, "ratio"), effect(*reversed(pair), "ratio")
    assert one.value == pytest.approx(1 / other.value)
    assert one.better == pytest.approx(1 - other.better)
    assert one.won + one.tied + other.won == one.images
    if one.interval is None or other.interval is None:
        assert one.images == 1
    else:
        low, high = one.interval
        assert (1 / high, 1 / low) == pytest.approx(other.interval)
        assert low <= one.value * (1 + 1e-9)
        assert one.value <= high * (1 + 1e-9)


@given(pair=pairs, factor=st.floats(0.01, 100))
@settings(max_examples=40)
def test_a_factor_on_our_values_is_one_on_the_ratio(pair: Any, factor: float) -> None:
    ours, theirs = pair
    one, scaled = effect(ours, theirs, "ratio"), effect(factor * ours, theirs, "ratio")
    assert scaled.value == pytest.approx(factor * one.value)
    if one.interval is not None and scaled.interval is not None:
        assert scaled.interval == pytest.approx([factor * end for end in one.interval])


@pytest.mark.parametrize(("images", "repeats"), [(6, 1), (12, 1), (12, 5), (30, 1)])
def test_covers_the_true_ratio_as_often_as_it_says(images: int, repeats: int) -> None:
    rng = np.random.default_rng(11)
    shape, hits = (images, repeats), 0
    for _ in range(300):
        level = np.exp(rng.normal(size=(images, 1)))  # images differ much more than methods
        gain = 0.8 * np.exp(0.3 * rng.normal(size=(images, 1)))
        ours = level * gain * np.exp(0.2 * rng.normal(size=shape))
        found = effect(ours, level * np.exp(0.2 * rng.normal(size=shape)), "ratio").interval
        assert found is not None
        hits += found[0] <= 0.8 <= found[1]
    assert 0.915 <= hits / 300 <= 0.985


@pytest.mark.parametrize(
    ("ours", "theirs", "message"),
    [
        (column(1.0), column(1.0, 2.0), r"got \(1, 1\) and \(2, 1\)"),
        (np.ones((0, 1)), np.ones((0, 1)), "images, repeats"),
        (column(1.0, np.nan), column(1.0, 2.0), "finite"),
        (column(1.0, 0.0), column(1.0, 2.0), "positive"),
    ],
)
def test_refused(ours: Any, theirs: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        effect(ours, theirs, "ratio")
