"""Bootstrap intervals, on simulated data whose mean is known."""

from __future__ import annotations

import numpy as np
import pytest

from p2lbench.stats.bootstrap import expanded, mean_interval, resampled_means, strata_of


def coverage(images: int, repeats: int, between: float, within: float) -> float:
    rng = np.random.default_rng(7)
    hits = 0
    rounds = 400
    for _ in range(rounds):
        effect = between * rng.normal(size=(images, 1, 1))
        ends = mean_interval(3.0 + effect + within * rng.normal(size=(images, repeats, 1)))
        assert ends is not None
        hits += bool(ends[0, 0] <= 3.0 <= ends[0, 1])
    return hits / rounds


@pytest.mark.parametrize(
    ("images", "repeats", "between", "within"),
    [(6, 1, 1.0, 0.0), (12, 1, 1.0, 0.0), (30, 1, 1.0, 0.0), (12, 5, 1.0, 0.3), (40, 3, 0.5, 1.0)],
)
def test_covers_the_true_mean_as_often_as_it_says(
    images: int, repeats: int, between: float, within: float
) -> None:
    assert 0.92 <= coverage(images, repeats, between, within) <= 0.985


def test_width_is_the_t_interval_s() -> None:
    values = np.random.default_rng(0).normal(size=(50, 1, 1))
    ends = mean_interval(values)
    assert ends is not None
    half = 2.0096 * values.std(ddof=1) / np.sqrt(50)  # t, 49 degrees of freedom
    assert (ends[0, 1] - ends[0, 0]) / 2 == pytest.approx(half, rel=0.07)


def test_one_image_says_nothing_about_others() -> None:
    assert mean_interval(np.ones((1, 5, 2))) is None


def test_constant_values_have_no_width() -> None:
    ends = mean_interval(np.full((4, 2, 3), 0.25))
    assert ends is not None
    assert ends == pytest.approx(np.full((3, 2), 0.25))


def test_quantities_are_resampled_together_and_always_the_same() -> None:
    values = np.random.default_rng(1).normal(size=(7, 3, 2))
    both, again = mean_interval(values), mean_interval(values)
    one = mean_interval(values[:, :, 1:])
    assert both is not None
    assert one is not None
    assert again is not None
    np.testing.assert_array_equal(both, again)
    np.testing.assert_allclose(both[1:], one)


def test_a_higher_level_is_wider() -> None:
    values = np.random.default_rng(2).normal(size=(9, 1, 1))
    wide, narrow = mean_interval(values, 0.99), mean_interval(values, 0.5)
    assert wide is not None
    assert narrow is not None
    assert wide[0, 0] < narrow[0, 0] < narrow[0, 1] < wide[0, 1]


def test_repeats_are_resampled_too() -> None:
    ends = mean_interval(np.array([0.0, 1.0] * 4).reshape(4, 2, 1))  # images do not differ
    assert ends is not None
    assert ends[0, 0] < 0.5 < ends[0, 1]


def testexpanded_percentiles() -> None:
    # from scipy.stats: norm.cdf(sqrt(n / (n - 1)) * t.ppf(0.025, n - 1))
    assert expanded(0.025, 5) == pytest.approx(0.00095410, rel=1e-4)
    assert expanded(0.025, 20) == pytest.approx(0.01588083, rel=1e-4)
    assert expanded(0.025, 10**6) == pytest.approx(0.025, rel=1e-4)


# Strata


def test_classes_are_strata_where_every_one_has_three_images() -> None:
    assert strata_of(["b", "a", "b", "a", "b", "a"]) == (0, 1, 0, 1, 0, 1)
    assert strata_of([3, 3, 3]) == ()
    assert strata_of(["a", "a", "a", "b", "b"]) == ()
    assert strata_of(["a", "a", "a", None, None, None]) == ()
    assert strata_of([]) == ()


@pytest.mark.parametrize(("classes", "each"), [(10, 3), (4, 6)])
def test_differences_between_classes_do_not_widen_a_stratified_interval(
    classes: int, each: int
) -> None:
    rng = np.random.default_rng(5)
    strata = tuple(range(classes)) * each
    centers = np.arange(classes) - (classes - 1) / 2
    hits, narrow, wide = 0, 0.0, 0.0
    for _ in range(300):
        values = (centers[list(strata)] + rng.normal(size=len(strata))).reshape(-1, 1, 1)
        ends, plain = mean_interval(values, strata=strata), mean_interval(values)
        assert ends is not None
        assert plain is not None
        hits += bool(ends[0, 0] <= 0 <= ends[0, 1])
        narrow, wide = narrow + float(np.ptp(ends)), wide + float(np.ptp(plain))
    assert 0.92 <= hits / 300 <= 0.975
    assert narrow < 0.8 * wide


def test_a_resample_draws_as_many_of_each_class() -> None:
    strata = (0, 1, 1, 0, 1, 0, 1)
    members = (np.array(strata) == 1).astype(float)[:, None, None]
    np.testing.assert_allclose(resampled_means(members, strata), 4 / 7)
