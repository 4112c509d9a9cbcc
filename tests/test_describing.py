"""What a run keeps of its images' folders and of its weights, for who reads its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

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
