"""Measuring where a generator puts its objects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from e2e.kit import TINY, called
from torch import Tensor

from p2lbench.errors import UserError
from p2lbench.generators.base import Generator
from p2lbench.generators.biggan.generator import BigGANFashionMNIST
from p2lbench.measure_objects import measure, otsu, segmented
from p2lbench.space import Variable


class Boxes(Generator):
    """A box of a known place on grey, with a speck and a little noise; `shown` in so many."""

    size = (40, 50)
    fill = -1.0
    variables = (Variable("z", (1,)),)
    contrast = 1.2

    def forward(self, **latents: Tensor) -> Tensor:
        n = len(latents["z"])
        images = torch.full((n, 3, 40, 50), -0.4)
        images += 0.05 * torch.rand(images.shape, generator=torch.Generator().manual_seed(0))
        images[:, :, 8:24, 5:40] += self.contrast
        images[:, :, 30:32, 45:47] += self.contrast
        return images


def test_a_box_is_found_where_it_is() -> None:
    found = measure(Boxes(), samples=7)
    assert (found.samples, found.used) == (7, 7)
    assert found.separability > 0.95
    for spread, expected in zip(
        (*found.center, *found.size), (16 / 40, 22.5 / 50, 16 / 40, 35 / 50), strict=True
    ):
        assert spread.median == spread.low == spread.high == pytest.approx(expected)
        assert spread.std == pytest.approx(0, abs=1e-9)
        assert spread.mode == pytest.approx(expected, abs=1 / 64)


def test_dark_objects_are_objects_too() -> None:
    dark = Boxes()
    dark.contrast = -0.5
    assert measure(dark, samples=2).size[0].median == pytest.approx(16 / 40)


def test_against_a_fill_that_is_not_the_background_all_is_object() -> None:
    """The border's colour is the default for that reason."""
    image = Boxes().forward(z=torch.zeros(1, 1))[0]
    assert segmented(image)[0].mean() < 0.35
    blank = torch.full((3, 8, 8), 0.5)
    mask, eta = segmented(blank)
    assert (float(mask.sum()), eta) == (0, 0)


def test_nothing_that_stands_out_is_an_error() -> None:
    blank = Boxes()
    blank.forward = lambda **latents: torch.zeros(len(latents["z"]), 3, 40, 50)  # type: ignore
    with pytest.raises(UserError, match="in none of 3 samples an object stands out"):
        measure(blank, samples=3)


def test_otsu_parts_two_heaps() -> None:
    rng = np.random.default_rng(0)
    heaps = np.concatenate([rng.normal(0.2, 0.02, 300), rng.normal(0.8, 0.02, 100)])
    threshold, eta = otsu(heaps)
    assert 0.25 < threshold < 0.75
    assert eta > 0.98
    assert otsu(rng.uniform(0, 1, 1000))[1] < 0.8


def test_the_embedded_generators_statistics_are_what_is_measured() -> None:
    generator = BigGANFashionMNIST()
    generator.load("cpu")
    found = measure(generator, samples=150)
    stated, measured = generator.object_stats, found.stats
    assert stated is not None
    assert measured.center == pytest.approx(stated.center, abs=0.01)
    assert measured.size == pytest.approx(stated.size, abs=0.035)  # a pixel
    assert found.separability > 0.9


def test_the_command_measures_a_plugins_generator(tmp_path: Path) -> None:
    (tmp_path / "tiny.py").write_text(TINY)
    plugin = "--plugin", tmp_path / "tiny.py"
    done = called("measure-objects", "tiny", "--samples", 8, *plugin, "--json")
    assert done.code == 0, done.err
    assert (done.json["generator"], done.json["samples"]) == ("tiny", 8)
    assert set(done.json["size"]["height"]) == {"median", "mode", "std", "low", "high"}
    text = called("measure-objects", "tiny", "--samples", 8, *plugin, "--background", "fill").out
    assert "object_stats = ObjectStats(center=(" in text
    assert "object_stats: {center: [" in text
    assert "of 8 samples" in text
    with_options = "{biggan-fmnist: {truncation: 0.5}}"
    assert called("measure-objects", with_options, "--samples", 8, "--json").code == 0
    wrong = called("measure-objects", "tinny", *plugin)
    assert wrong.code == 2
    assert "unknown generator 'tinny'. Did you mean 'tiny'?" in wrong.err
