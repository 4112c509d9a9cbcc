"""Intervals of ranks: what they hold, and how narrow they become."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from p2lbench.stats import rank_intervals


def simulated(rng: np.random.Generator, truth: Any, images: int) -> Any:
    """(images, 1, methods): images differ, methods by `truth`."""
    noise = 0.5 * rng.normal(size=(images, 1, len(truth)))
    return rng.normal(size=(images, 1, 1)) + truth + noise


@pytest.mark.parametrize(
    ("truth", "images", "width"),
    [
        (np.arange(6) * 0.05, 12, 5.0),  # close: all ranks are open
        (np.arange(6) * 2.0, 12, 0.1),  # apart: each is known
        (np.array([0.0, 0.0, 0.0, 2.0, 2.0, 2.0]), 12, 2.2),  # two groups of ties
        (np.zeros(6), 30, 5.0),
    ],
)
def test_holds_the_true_rank_as_often_as_it_says(truth: Any, images: int, width: float) -> None:
    rng = np.random.default_rng(4)
    true = 1 + np.array([(truth < value).sum() for value in truth])
    hits, widths = [], []
    for _ in range(100):
        found = rank_intervals(simulated(rng, truth, images))
        assert found is not None
        hits.append([low <= rank <= high for (low, high), rank in zip(found, true, strict=True)])
        widths.append([high - low for low, high in found])
    assert np.mean(hits) >= 0.94
    assert np.mean(widths) <= width


def test_higher_is_better_turns_the_order() -> None:
    values = simulated(np.random.default_rng(0), np.arange(3) * 3.0, 10)
    assert rank_intervals(values) == [(1, 1), (2, 2), (3, 3)]
    assert rank_intervals(values, higher_is_better=True) == [(3, 3), (2, 2), (1, 1)]


def test_what_never_differs_is_tied_and_what_always_does_is_not() -> None:
    one = np.random.default_rng(1).normal(size=(6, 2, 1))
    assert rank_intervals(np.concatenate([one, one, one + 1], axis=2)) == [(1, 2), (1, 2), (3, 3)]


def test_alone_or_on_one_image() -> None:
    assert rank_intervals(np.random.default_rng(2).normal(size=(5, 1, 1))) == [(1, 1)]
    assert rank_intervals(np.ones((1, 3, 4))) is None


def test_classes_take_their_part_of_the_noise() -> None:
    rng = np.random.default_rng(3)
    strata = (0,) * 8 + (1,) * 8
    by_class = np.where(np.arange(2) == 0, 0.0, np.where(np.array(strata) == 0, 3.0, -1.0)[:, None])
    values = (by_class + 0.2 * rng.normal(size=(16, 2)))[:, None, :]
    assert rank_intervals(values) == [(1, 2), (1, 2)]
    assert rank_intervals(values, strata=strata) == [(1, 1), (2, 2)]
