"""The tuned suite as a file: what it names is found from another folder, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from e2e.kit import PHOTOS, TINY

from p2lbench.store import Store
from p2lbench.suite import Suite, load
from p2lbench.suiteinfo import SuiteInfo
from p2lbench.tuning.choose import Measure
from p2lbench.tuning.tunedfile import _move, tuned_text
from p2lbench.yamlfile import parse

SUITE = """
name: moves
images: [bag-126.png, {file: photos/coat.png, mask: masks/coat.png}, {folder: more}]
generators: [tiny]
losses: [l1]
metrics: [l1]
optimizers: [adam]
plugins: [tiny.py, pytest, ./sub/other.py]
reference: published
"""


def suite(folder: Path) -> Suite:
    """One whose paths are all relative to its folder."""
    photo = (PHOTOS / "bag-126.png").read_bytes()
    places = ("bag-126.png", "photos/coat.png", "masks/coat.png", "more/shirt.png")
    for i, place in enumerate(places):
        file = folder / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(photo if i != 1 else (PHOTOS / "tune" / "coat-9040.png").read_bytes())
    (folder / "sub").mkdir()
    with Store.create_or_open(folder / "published", "published") as store:
        store.set_header(SuiteInfo("published", 1, 1, "paper", {}).plain())
    (folder / "tiny.py").write_text(TINY)
    (folder / "sub" / "other.py").write_text(TINY.replace('"tiny"', '"other"'))
    (folder / "moves.yaml").write_text(SUITE)
    return load(folder / "moves.yaml")[0]


def moved(folder: Path, place: Path) -> dict[str, Any]:
    """What the tuned suite says in a file at `place`."""
    text = tuned_text(suite(folder), [], Measure(), place, [])
    data: dict[str, Any] = parse(text, "moved").data
    return data


def test_paths_are_relative_to_the_new_place(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    data = moved(tmp_path / "old", tmp_path / "new" / "deep" / "tuned.yaml")
    assert data["images"] == [
        "../../old/bag-126.png",
        {"file": "../../old/photos/coat.png", "mask": "../../old/masks/coat.png"},
        {"folder": "../../old/more"},
    ]
    assert data["reference"] == "../../old/published"


def test_a_mask_from_the_alpha_channel_is_no_path_either(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    written = [{"file": "new/a.png", "mask": "alpha"}, {"file": "a.png", "mask": "new/alpha"}]
    data = {"images": written}
    _move(data, tmp_path, tmp_path / "new")
    assert data["images"] == [
        {"file": "a.png", "mask": "alpha"},
        {"file": "../a.png", "mask": "./alpha"},
    ]


def test_a_distribution_is_no_path(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    data = moved(tmp_path / "old", tmp_path / "new" / "tuned.yaml")
    assert data["plugins"] == ["../old/tiny.py", "pytest", "../old/sub/other.py"]


def test_beside_the_suite_all_stays(tmp_path: Path) -> None:
    data = moved(tmp_path, tmp_path / "tuned.yaml")
    assert data["plugins"] == ["tiny.py", "pytest", "./sub/other.py"]
    assert data["images"][0] == "bag-126.png"
