"""What a run keeps of its images' folders and of its weights, for who reads its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2lbench.datasets.naming import group_of, named
from p2lbench.datasets.record import Prepared
from p2lbench.describing import groups


class Suite:
    """A suite of images in some files."""

    def __init__(self, *files: str) -> None:
        self.images = [
            type("Image", (), {"name": Path(file).stem, "file": Path(file)}) for file in files
        ]


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (("/x/images/cat/1.png", "/x/images/dog/2.png"), {"1": "cat", "2": "dog"}),
        (("/x/images/cat/1.png", "/x/images/cat/2.png"), {}),
        (("/x/cat/1.png", "/x/dog/2.png"), {}),
    ],
)
def test_folders_of_images_are_groups(files: tuple[str, ...], found: dict[str, str]) -> None:
    assert groups(Suite(*files)) == found  # type: ignore[arg-type]


def test_prepared_images_have_the_groups_that_they_were_drawn_from(tmp_path: Path) -> None:
    classes = {"dog": 1, "dog-house": 1}
    Prepared(
        name="x", source="imagenet-pascal", root="/", options={}, p2lbench="0", classes=classes
    ).write(tmp_path)
    files = [tmp_path / "images" / f"{named(group, 'n01')}.png" for group in classes]
    found = groups(Suite(*map(str, files)))  # type: ignore[arg-type]
    assert found == {"dog-n01": "dog", "dog-house-n01": "dog-house"}


def test_a_record_that_is_damaged_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "prepared.json").write_text("{")
    assert groups(Suite(str(tmp_path / "images" / "dog-1.png"))) == {}  # type: ignore[arg-type]


def test_names_that_are_spelt_out_have_their_group() -> None:
    assert group_of(named("große Hunde", "1"), ["große Hunde", "Hunde"]) == "große Hunde"
    assert group_of("1", ["dog"]) is None
