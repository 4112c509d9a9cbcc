"""Inits of the class vector: drawn ones against the paper's Table 2."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from p2lbench.api import Skip
from p2lbench.generators.base import Generator
from p2lbench.inits.classes import (
    GroundTruth,
    Predicted,
    RandomClass,
    RandomGaussian,
    normal_length,
)

TARGET, MASK = torch.zeros(1, 3, 32, 32), torch.ones(1, 1, 32, 32)


def said(init: Any, generator: Any, seed: int = 0) -> Any:
    return init.distribution(TARGET, MASK, generator, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def vectors(generator: Generator) -> torch.Tensor:
    return generator.embed(torch.arange(10))


def test_a_random_class_is_one_of_the_classes_and_all_come_up(
    generator: Generator, vectors: torch.Tensor
) -> None:
    drawn = [said(RandomClass(), generator, seed)["c"] for seed in range(200)]
    assert all(deviation == 0 for _, deviation in drawn)
    picks = [int((vectors - mean).norm(dim=1).argmin()) for mean, _ in drawn]
    assert all(mean.equal(vectors[k]) for (mean, _), k in zip(drawn, picks, strict=True))
    counts = np.bincount(picks, minlength=10)
    assert counts.min() >= 5
    assert counts.max() <= 40


def test_a_random_class_is_the_cells_alone(generator: Generator) -> None:
    first, second = RandomClass(), RandomClass()
    first.class_id, second.class_id = 3, 7
    assert said(first, generator)["c"][0].equal(said(second, generator)["c"][0])


def test_a_random_gaussian_as_the_paper_draws_it(generator: Generator) -> None:
    mean, deviation = said(RandomGaussian(), generator)["c"]
    assert mean.shape == (64,)
    assert mean.count_nonzero() == 0
    assert deviation == 1


def test_a_matched_gaussian_is_as_long_as_class_vectors(
    generator: Generator, vectors: torch.Tensor
) -> None:
    mean, deviation = said(RandomGaussian(norm="matched"), generator)["c"]
    noise = torch.randn(20_000, 64, generator=torch.Generator().manual_seed(0))
    lengths = (mean + deviation * noise).norm(dim=1)
    assert lengths.mean().item() == pytest.approx(vectors.norm(dim=1).mean().item(), rel=0.005)


def test_the_length_of_normal_noise() -> None:
    # |N(0, 1)| has the mean sqrt(2 / pi), and in two dimensions the Rayleigh's, sqrt(pi / 2).
    assert normal_length(1) == pytest.approx((2 / np.pi) ** 0.5)
    assert normal_length(2) == pytest.approx((np.pi / 2) ** 0.5)


class Unnamed(Generator):
    conditional = True


@pytest.mark.parametrize("init", [RandomClass(), RandomGaussian()])
def test_without_classes_there_is_nothing_to_draw(init: Any) -> None:
    with pytest.raises(Skip, match="has no classes"):
        said(init, Generator())
    with pytest.raises(Skip, match="does not name its classes"):
        said(init, Unnamed())


@pytest.mark.parametrize("init", [GroundTruth(), Predicted()])
def test_the_others_need_classes_too(init: Any) -> None:
    init.load("cpu")
    init.class_id = 0
    with pytest.raises(Skip, match="classes"):
        said(init, Generator())
