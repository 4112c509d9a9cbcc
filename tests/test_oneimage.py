"""A suite of one image: what replaces what, which rows are left, what is refused."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from e2e.kit import PHOTOS, written
from PIL import Image

from p2lbench import suite as suites
from p2lbench.errors import UserError
from p2lbench.masks import Alpha, Box, Detected, File, Polygon
from p2lbench.oneimage import MARK, Wanted, name_for, prepare
from p2lbench.plan import plan

BAG = PHOTOS / "bag-126.png"
BOOT = next(PHOTOS.glob("*boot*.png"))
THOUSAND = """
from p2lbench.api import Generator, Variable, hookimpl

class Thousand(Generator):
    size, conditional, classes = 8, True, tuple(map(str, range(1000)))
    variables = (Variable("z", (4,)),)
    default_loss = {"l1": 1}
    def forward(self, z): ...

@hookimpl
def register_generators(register):
    register("thousand", Thousand)
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_default_is_the_papers_method_with_a_predicted_class(tmp_path: Path) -> None:
    job = prepare(Wanted(BAG))
    (image,), (method,) = job.suite.images, job.suite.include
    assert (image.name, image.class_name, image.mask) == ("bag-126", None, None)
    assert method.row[2:] == ("spatial+color", "predicted", "basincma")
    assert job.folder == tmp_path / "results" / "project-bag-126"
    assert "whole image" in job.remarks[0]
    assert [*tmp_path.iterdir()] == []


def test_a_told_class_and_other_generators() -> None:
    told = prepare(Wanted(BAG, class_name="bag")).suite
    assert told.include[0].init.label == "ground-truth"
    assert prepare(Wanted(BAG, class_name="8")).suite.images[0].class_name == 8
    fewer = prepare(Wanted(BAG, generator="{biggan-fmnist: {}, as: mine}", candidates=2)).suite
    assert fewer.include[0].generator.label == "mine"
    assert fewer.candidates == 2


def test_an_object_that_the_generator_does_not_see_is_told() -> None:
    wide = saved("wide.png", np.full((40, 120, 3), 90, np.uint8))
    assert prepare(Wanted(wide, mask="42 5 70 35")).remarks == ()
    (told,) = prepare(Wanted(wide, mask="25 5 55 35")).remarks
    assert "only 50% of the object lies in the photo's central part" in told


def test_what_a_suite_says_of_its_own_images_is_left_out(tmp_path: Path) -> None:
    suite = written(tmp_path, baseline="adam", repeats=3, tune={"adam": {"lr": [0.1, 0.2]}})
    job = prepare(Wanted(BAG, str(suite), ("cma",)))
    assert (job.suite.baseline, job.suite.repeats, job.suite.tune) == (None, 1, {})
    assert prepare(Wanted(BAG, str(suite), overrides=("repeats=2",))).suite.repeats == 2


def test_cells_are_those_of_a_suite_on_that_image(tmp_path: Path) -> None:
    checked, plugins = suites.load(written(tmp_path))
    ids = {cell.method.row: cell.id for cell in plan(checked, plugins).cells()}
    job = prepare(Wanted(BAG, "s.yaml", ("all",)))
    assert {cell.method.row: cell.id for cell in plan(job.suite, job.plugins).cells()} == ids


def saved(name: str, pixels: Any) -> Path:
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(name)
    return Path(name)


def test_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    grey = np.full((32, 32), 255)
    saved("mask.png", grey)
    opaque = np.full((8, 8, 4), 255)
    clear = opaque.copy()
    clear[:3, :, 3] = 0
    saved("clear.png", clear)
    saved("opaque.png", opaque)

    def mask(image: Path, given: str) -> Any:
        (found,) = prepare(Wanted(image, mask=given)).suite.images
        return found.mask

    assert mask(BAG, "mask.png") == File(Path.cwd() / "mask.png")
    assert mask(BAG, "2 4 30 28") == Box(2, 4, 30, 28)
    assert mask(BAG, "2 4 30 28 4 30") == Polygon(((2, 4), (30, 28), (4, 30)))
    assert mask(Path("clear.png"), "alpha") == Alpha()
    assert mask(Path("clear.png"), "auto") == Alpha()
    assert mask(BAG, "auto") == Detected("saliency")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    job = prepare(Wanted(BAG, mask="auto"))
    assert (job.mask, job.suite.images[0].mask) == (None, None)
    assert "OpenCV is not installed" in job.remarks[0]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted(Path("none.png")), "none.png: no such image file"),
        (Wanted(Path("s.yaml")), "s.yaml: "),
        (Wanted(BAG, class_name="bg"), "--class: generator 'biggan-fmnist' has no class 'bg'"),
        (Wanted(BAG, class_name="10"), "--class: generator 'biggan-fmnist' has no class 10"),
        (Wanted(BAG, mask="none.png"), "--mask: "),
        (Wanted(BAG, mask="8x8.png"), "the mask has 8 x 8 pixels, its image 32 x 32"),
        (Wanted(BAG, mask="1 2 3"), "--mask: expected x0 y0 x1 y1"),
        (Wanted(BAG, mask="detect:salency"), "--mask: unknown detector 'salency'"),
        (Wanted(BAG, mask="alpha"), "--mask: "),
        (Wanted(BAG, generator="bigan-fmnist"), "--generator: unknown generator 'bigan-fmnist'"),
        (Wanted(BAG, suite="projekt"), "unknown suite 'projekt'. Did you mean 'project'"),
        (Wanted(BAG, suite="table1"), "add --class NAME, or --set inits=[predicted]"),
        (Wanted(BAG, suite="table1-equal", class_name="bag"), "bag-126.png: transform 'oracle'"),
        (Wanted(BAG, methods=("adm",)), "--method: no row has 'adm'. Did you mean 'adam'"),
        (Wanted(BAG, output=Path("a b")), "-o a b: expected a folder whose name"),
        (Wanted(BAG, overrides=("candidates=0",)), "--set candidates"),
        (Wanted(BAG, overrides=(f"images=[{BAG}, {BOOT}]",)), "images; expected one"),
        (Wanted(BAG, generator="biggan-deep-256"), "p2lbench weights fetch biggan-deep-256"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_said_in_the_commands_words(
    tmp_path: Path, wanted: Wanted, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("P2LBENCH_WEIGHTS", str(tmp_path / "weights"))
    saved("8x8.png", np.full((8, 8), 255))
    Path("s.yaml").write_text("no image")
    with pytest.raises(UserError) as caught:
        prepare(wanted)
    assert said in str(caught.value)
    assert not Path("results").exists()


def test_the_folder_of_a_suite_is_not_taken_over(tmp_path: Path) -> None:
    folder = tmp_path / "results" / "quickstart"
    folder.mkdir(parents=True)
    (folder / "suite.yaml").write_text("name: quickstart\n")
    with pytest.raises(UserError, match="here are the results of a suite"):
        prepare(Wanted(BAG, output=folder))
    (folder / "suite.yaml").write_text(MARK + "name: quickstart\n")
    assert prepare(Wanted(BAG, output=folder)).folder == folder


def test_imagenets_classes_are_predicted_by_its_classifier(tmp_path: Path) -> None:
    Path("thousand.py").write_text(THOUSAND)
    wanted = Wanted(BAG, generator="thousand", plugin_files=(tmp_path / "thousand.py",))
    with pytest.raises(UserError, match="resnext101"):
        prepare(wanted)
    told = Wanted(BAG, class_name="3", generator="thousand", plugin_files=wanted.plugin_files)
    assert prepare(told).suite.include[0].init.label == "ground-truth"


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("cat.png", "project-cat"),
        ("my cat (1).jpeg", "project-my-cat-1"),
        ("猫.png", "project-image"),
        ("..png", "project-image"),
        ("x" * 200 + ".png", "project-" + "x" * 92),
    ],
)
def test_a_folders_name_from_an_image(image: str, name: str) -> None:
    assert name_for(Path(image)) == name
