"""The images of the suite `faces`: each sample is what its z makes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from p2lbench_faces import Faces
from PIL import Image
from safetensors.torch import load_file

HERE = Path(__file__).parents[1]
IMAGES = HERE.parents[1] / "suites" / "images" / "faces"
if not IMAGES.is_dir():
    pytest.skip("the suite's images are in p2lbench's repository", allow_module_level=True)

TRUTH = load_file(IMAGES / "z.safetensors")


def pixels(path: Path) -> np.ndarray:
    """(64, 64, 3)."""
    with Image.open(path) as image:
        return np.asarray(image, dtype=int)


@pytest.fixture(scope="module")
def make():
    """tools/make_suite.py."""
    spec = importlib.util.spec_from_file_location("make_suite", HERE / "tools" / "make_suite.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", TRUTH)
def test_a_sample_is_what_its_z_makes(name: str, faces: Faces, make) -> None:
    stored = pixels(IMAGES / f"{name}.png")
    made = np.asarray(make.picture(faces, TRUTH[name]), dtype=int)
    # Another processor may round a value the other way that lies between two levels.
    assert np.abs(made - stored).max() <= 1
    assert (made == stored).mean() > 0.999


def test_the_latents_are_the_draws_of_their_streams(make) -> None:
    drawn = dict(make.samples())
    assert drawn.keys() == TRUTH.keys()
    for name, z in drawn.items():
        torch.testing.assert_close(z, TRUTH[name], atol=0, rtol=0)


def test_the_tiers_are_spread_as_they_say(make) -> None:
    for tier, scale in make.SCALES.items():
        drawn = torch.stack([z for name, z in TRUTH.items() if f"{tier}-" in name])
        assert drawn.std() == pytest.approx(scale, rel=0.15)
        assert drawn.abs().max() <= Faces.variables[0].bound
    assert len({tuple(z.tolist()) for z in TRUTH.values()}) == len(TRUTH) == 28


def test_every_image_is_of_the_generators_size_and_known() -> None:
    names = {path.stem for path in IMAGES.glob("*.png")}
    assert names - TRUTH.keys() == {name for name in names if name.startswith("real-")}
    assert {pixels(path).shape for path in IMAGES.glob("*.png")} == {(64, 64, 3)}


def test_the_suites_are_valid(validated: dict[str, dict[str, Any]]) -> None:
    faces, portraits = validated["faces"], validated["faces-portraits"]
    assert faces["images"] in (28, 32)  # `run` may leave out the four that are for tuning
    assert (len(faces["rows"]), portraits["images"]) == (10, 8)
