"""The displaced photos: their truth undoes what was done to them, and the suites have them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from p2lbench.transforms.compose import Composed
from p2lbench.zoo import fmnist
from p2lbench.zoo.displace import Displaced, displaced, main, transform

BY_CLASS = Path(__file__).parents[2] / "suites/images/fmnist-by-class"
FOLDER = Path(__file__).parents[2] / "suites" / "images" / "fmnist-displaced"


@pytest.fixture(scope="module")
def photos() -> list[Displaced]:
    if not fmnist.DEBIAN_FOLDER.is_dir():
        pytest.skip("Fashion-MNIST is not on this machine")
    return list(displaced())


def test_one_of_each_class_and_two_that_are_turned(photos: list[Displaced]) -> None:
    assert [p.class_name for p in photos[:10]] == list(fmnist.CLASSES)
    assert [list(p.truth) for p in photos[:10]] == [["spatial", "color"]] * 10
    assert [list(p.truth) for p in photos[10:]] == [["spatial", "color", "rotation"]] * 2
    assert len({p.name for p in photos}) == 12


def test_the_truth_brings_the_photo_back(photos: list[Displaced]) -> None:
    """But for what the smaller photo has lost: far nearer than the photo as it is."""
    for photo in photos:
        undo = Composed([transform(name) for name in photo.truth])
        phi = torch.tensor([[v for values in photo.truth.values() for v in values]])
        moved, original = (
            torch.from_numpy(pixels.astype(np.float32) / 127.5 - 1).expand(1, 3, -1, -1)
            for pixels in (photo.pixels, photo.original)
        )
        back = undo.apply(moved, phi)
        error, before = ((image - original).abs().mean() for image in (back, moved))
        assert error < 0.4 * before, photo.name


def test_the_whole_object_is_in_the_frame_and_in_the_mask(photos: list[Displaced]) -> None:
    for photo in photos:
        assert set(np.unique(photo.mask)) == {0, 255}
        assert not photo.mask[[0, -1]].any()
        assert not photo.mask[:, [0, -1]].any()
        bright = photo.pixels > 100
        assert (photo.mask[bright] > 0).mean() > 0.93, photo.name


@pytest.mark.parametrize(("folder", "each"), [(FOLDER, None), (BY_CLASS, 3)])
def test_the_suites_have_what_the_script_makes(
    folder: Path, each: int | None, tmp_path: Path
) -> None:
    main(tmp_path, each)
    made = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    kept = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    assert kept - made == {Path("NOTICE.md")}
    for path in made:
        if path.suffix == ".png":
            new, old = (
                np.asarray(Image.open(root / path), dtype=int) for root in (tmp_path, folder)
            )
            assert abs(new - old).max() <= 1, path  # rounding may differ by machine
        else:
            assert (tmp_path / path).read_text() == (folder / path).read_text()


def test_the_manifest_names_what_is_there() -> None:
    for folder in (FOLDER, FOLDER / "centred"):
        with (folder / "manifest.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 12
        for row in rows:
            assert (folder / row["file"]).is_file()
            assert row["class"] in fmnist.CLASSES
            assert row["split"] == "test"
