"""The paper editions of the suites are valid where their photos and weights are."""

from __future__ import annotations

import re
from pathlib import Path

import photokit
import pytest
import torch
from e2e.kit import called
from safetensors.torch import save_file

from p2lbench import weights
from p2lbench.datasets.place import FOLDER_VARIABLE
from p2lbench.experiments import NAMES
from p2lbench.generators.stylegan2.config import Config
from p2lbench.generators.stylegan2.generator import PRIOR_STD
from p2lbench.suite import Suite, load, shipped
from p2lbench.weights import Located

# `project-paper` takes the image that the command is given.
EDITIONS = [name for name in shipped() if "-paper" in name and name != "project-paper"]
SIDES = {"stylegan2-lsun-cars": 512, "stylegan2-ffhq": 1024}
FETCHED = ("biggan-deep-256", "lpips-alex", "lpips-vgg", "resnext101")


def commands() -> set[str]:
    """The editions' own `p2lbench prepare` commands, which stand in their comments."""
    texts = [shipped()[name].read_text(encoding="utf-8") for name in EDITIONS]
    found = [re.findall(r"p2lbench prepare (.*)", text) for text in texts]
    assert all(found), "an edition does not say what to prepare"
    return {command.partition("    ")[0] for lines in found for command in lines}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that the editions ask for, prepared as they say, but fewer images."""
    folder = tmp_path_factory.mktemp("data")
    photokit.kaggle(folder / "imagenet-pascal")
    photokit.coco(folder / "coco")
    for k in range(2):
        photokit.photo(folder / "folder" / f"{k}.jpg")
    fewer = {"imagenet-pascal": ("--per-class", "2"), "coco": ("--count", "2")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER_VARIABLE, str(folder / "images"))
        for command in commands():
            words = command.replace("DIR", str(folder / command.split()[0])).split()
            more = () if "--per-class" in words else fewer.get(words[0], ("--count", "2"))
            assert (ran := called("prepare", *words, *more)).code == 0, ran.err
    return folder / "images"


@pytest.fixture(autouse=True)
def here(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The prepared images; of the weights, files that say what they are of and no more."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(images))
    for name in FETCHED:
        (tmp_path / name).touch()
    for name, side in SIDES.items():
        config = Config(512, 0, 512, side, layers=8)
        save_file({PRIOR_STD: torch.ones(1)}, tmp_path / name, config.metadata())

    real = weights.locate

    def locate(name: str) -> Located:
        fake = tmp_path / name
        return Located(name, fake, "0" * 64, published=True) if fake.is_file() else real(name)

    monkeypatch.setattr(weights, "locate", locate)


@pytest.mark.parametrize("name", EDITIONS)
def test_paper_editions_are_valid_and_say_what_they_need(name: str) -> None:
    suite = load(name)[0]
    assert (suite.name, suite.candidates) == (name, 18)
    assert suite.experiment in NAMES
    if suite.experiment != "figure17":  # whose rows are named by their steps
        embedded = load(suite.experiment)[0]
        assert labels(suite) <= labels(embedded)


def labels(suite: Suite) -> set[str]:
    """The optimizers' rows, by which reports tell what a row is."""
    return {row.label for row in (*suite.optimizers, *(m.optimizer for m in suite.include))}


@pytest.mark.parametrize("name", EDITIONS)
def test_what_to_prepare_is_said_alike(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "nothing"))
    said = re.search("p2lbench prepare (.*)", called("validate", name, "--no-estimate").err)
    assert said is not None
    assert said[1] in commands()
