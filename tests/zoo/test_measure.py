"""The measures behind the cards."""

from __future__ import annotations

import numpy as np
import pytest
from pytorch_pretrained_biggan import BigGAN

from p2lbench import zoo
from p2lbench.zoo import fmnist, measure
from p2lbench.zoo.cards import render


def test_frechet_of_gaussians_is_the_closed_form() -> None:
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(200_000, 2))
    a, b = draws[:100_000], draws[100_000:] * np.array([3.0, 1.0]) + np.array([1.0, -2.0])
    # |(1, -2)|^2 + (3 - 1)^2 + 0
    assert measure.frechet(a, b) == pytest.approx(9.0, rel=0.02)
    assert measure.frechet(a, a) == pytest.approx(0.0, abs=1e-9)
    assert measure.frechet(a, b) == pytest.approx(measure.frechet(b, a), rel=1e-9)


def test_frechet_of_degenerate_features_is_finite() -> None:
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(50, 1)) @ np.ones((1, 4))
    assert measure.frechet(flat, 2 * flat) == pytest.approx(
        4 * flat[:, 0].var(ddof=1) + (4 * flat[:, 0].mean() ** 2), rel=1e-6
    )


def test_sample_sheet_has_a_row_per_class(generator: BigGAN) -> None:
    sheet = measure.sample_sheet(generator)
    assert sheet.mode == "L"
    assert sheet.height == len(fmnist.CLASSES) * fmnist.SIZE * 2
    assert sheet.width > measure.SHEET_COLUMNS * fmnist.SIZE * 2


def test_generator_is_measured_against_photos_and_their_floor(
    photos: fmnist.Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The same photos as test and as training split: a floor of zero.
    few = measure._balanced(photos, 200)
    monkeypatch.setattr(fmnist, "load", lambda part, path: few)
    figures = measure.measure_biggan(samples=200)
    for judge in zoo.CLASSIFIERS:
        assert figures["floor"][judge]["frechet"] == pytest.approx(0, abs=1e-6)
        seen = {t: figures["truncations"][t][judge] for t in ("1.0", "0.5")}
        assert seen["1.0"]["frechet"] > 0.1
        assert seen["0.5"]["share"] > 0.9
        assert seen["0.5"]["spread"] < seen["1.0"]["spread"]
        assert seen["1.0"]["share"] == pytest.approx(
            np.mean(list(seen["1.0"]["share_by_class"].values()))
        )
    assert "| 1.0 | percep-fmnist |" in render("biggan-fmnist", figures)


def test_balanced_takes_the_first_of_each_class(photos: fmnist.Photos) -> None:
    picked = measure._balanced(photos, 20)
    assert np.bincount(picked.labels).tolist() == [2] * 10
