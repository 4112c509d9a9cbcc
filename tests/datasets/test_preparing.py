"""What is drawn and written: odd names, odd files, folders that hold something else."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import photokit
import pytest

from p2lbench import __version__
from p2lbench.checks import Problems
from p2lbench.datasets import plain, preparing
from p2lbench.datasets.choosing import Choosing
from p2lbench.datasets.ilsvrc import find_pool
from p2lbench.datasets.named import manifest_of
from p2lbench.datasets.place import FOLDER_VARIABLE
from p2lbench.datasets.preparing import Wanted, prepare
from p2lbench.datasets.record import Prepared, read_record
from p2lbench.errors import UserError
from p2lbench.imagelist import read_images
from p2lbench.yamlfile import nowhere


def drawn(
    root: Path, target: Path, count: int, classes: bool = False, fresh: bool = False
) -> Prepared:
    options = {"count": count}
    asked = Prepared(
        name="x", source="folder", root=str(root), options=options, p2lbench=__version__
    )
    look = partial(plain.find_pool, root, "none", classes)
    return prepare(asked, Wanted(0, count), look, target, lambda _: None, fresh=fresh)


def names(record: Prepared) -> list[str]:
    return [name.removeprefix("images/") for name in record.files if name.startswith("images/")]


def test_odd_names_become_plain_ones_and_stay_apart(tmp_path: Path) -> None:
    odd = [
        "a b.jpg",
        "a_b.jpg",
        " .jpg",
        "-rf.jpg",
        'ü\n,".jpg',
        "A.jpg",
        "a.jpeg",
        "x" * 200 + ".jpg",
    ]
    for name in odd:
        photokit.photo(tmp_path / "in" / name)
    os.rename(
        photokit.photo(tmp_path / "in" / "t.jpg"), os.fsencode(tmp_path / "in") + b"/\xff.jpg"
    )
    record = drawn(tmp_path / "in", tmp_path / "out", 9)
    assert all(name.isascii() and " " not in name and len(name) < 110 for name in names(record))
    assert len({Path(name).stem.lower() for name in names(record)}) == 9
    problems = Problems()
    entry = {"manifest": str(tmp_path / "out" / "manifest.csv")}
    assert len(read_images(entry, tmp_path, nowhere, problems)) == 9
    problems.check()


def test_hidden_files_links_pipes_and_twins(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    one = photokit.photo(folder / "one.jpg")
    photokit.photo(folder / ".hidden.jpg")
    (folder / "twin.jpg").write_bytes(one.read_bytes())
    (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
    (folder / "link.jpg").symlink_to(photokit.photo(tmp_path / "elsewhere.jpg"))
    os.mkfifo(folder / "pipe.jpg")
    record = drawn(folder, tmp_path / "out", 2)
    assert "link.jpg" in names(record)
    assert not (tmp_path / "out" / "images" / "link.jpg").is_symlink()
    assert {*names(record)} - {"link.jpg"} < {"one.jpg", "twin.jpg"}
    with pytest.raises(UserError, match="2 of 3 images can be had from 5 files"):
        drawn(folder, tmp_path / "more", 3)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"<xmin>8<": "<xmin>0<", "<xmax>24<": "<xmax>6<"}, "33% of its box are in the image's"),
        ({"<xmax>24<": "<xmax>9<", ">20<": ">9<", "<xmax>5<": "<xmax>2<"}, "its box of 5 pixels"),
    ],
)
def test_objects_that_a_generator_would_not_see_are_passed_over(
    tmp_path: Path, changes: dict[str, str], said: str
) -> None:
    pool = find_pool(photokit.kaggle(tmp_path), "annotations")
    first = pool.groups["aeroplane"][0]
    file = tmp_path / f"ILSVRC/Annotations/CLS-LOC/val/{first.file.stem}.xml"
    text = file.read_text()
    for old, new in changes.items():
        text = text.replace(old, new)
    file.write_text(text)
    choosing = Choosing(pool, 0, 3, 0, lambda _: None)
    with pytest.raises(UserError, match="'aeroplane': 2 of 3 images"):
        list(choosing.chosen())
    assert said in choosing.skipped[0].reason


def test_folders_that_hold_something_else_are_left_alone(tmp_path: Path) -> None:
    photokit.photo(tmp_path / "in" / "a.jpg")
    (tmp_path / "out" / "images").mkdir(parents=True)
    (tmp_path / "out" / "images" / "mine.txt").touch()
    for fresh in (False, True):
        with pytest.raises(UserError, match="not a folder of prepared images"):
            drawn(tmp_path / "in", tmp_path / "out", 1, fresh=fresh)
    assert (tmp_path / "out" / "images" / "mine.txt").exists()
    with pytest.raises(UserError, match="cannot be written"):
        drawn(tmp_path / "in", tmp_path / "in" / "a.jpg" / "out", 1)
    for fresh in (False, True):
        with pytest.raises(UserError, match=r"a\.jpg is a file: expected a folder"):
            drawn(tmp_path / "in", tmp_path / "in" / "a.jpg", 1, fresh=fresh)


def test_what_is_mended_is_never_drawn_from_other_photos(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        photokit.photo(tmp_path / "in" / name)
    record = drawn(tmp_path / "in", tmp_path / "out", 2)
    first = names(record)[0]
    (tmp_path / "in" / first).unlink()
    (tmp_path / "out" / "images" / first).unlink()
    with pytest.raises(UserError, match="is drawn now and was not before"):
        drawn(tmp_path / "in", tmp_path / "out", 2)
    assert read_record(tmp_path / "out") == record
    assert names(drawn(tmp_path / "in", tmp_path / "out", 2, fresh=True)) != names(record)


def test_fresh_keeps_what_is_there_if_there_is_nothing_to_draw_from(tmp_path: Path) -> None:
    photokit.photo(tmp_path / "in" / "a.jpg")
    record = drawn(tmp_path / "in", tmp_path / "out", 1)
    with pytest.raises(UserError, match="no such folder"):
        drawn(tmp_path / "none", tmp_path / "out", 1, fresh=True)
    assert read_record(tmp_path / "out") == record
    assert record.damaged(tmp_path / "out") is None


def test_fresh_keeps_what_is_there_until_the_new_images_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        photokit.photo(tmp_path / "in" / name)
    record = drawn(tmp_path / "in", tmp_path / "out", 1)
    with monkeypatch.context() as patched:
        patched.setattr(preparing, "_write_manifest", broken)
        with pytest.raises(UserError, match="cannot be written"):
            drawn(tmp_path / "in", tmp_path / "out", 2, fresh=True)
    with pytest.raises(UserError, match="3 of 4 images"):
        drawn(tmp_path / "in", tmp_path / "out", 4, fresh=True)
    assert read_record(tmp_path / "out") == record
    assert record.damaged(tmp_path / "out") is None
    anew = drawn(tmp_path / "in", tmp_path / "out", 2, fresh=True)
    assert read_record(tmp_path / "out") == anew
    assert anew.damaged(tmp_path / "out") is None
    kept = {path.name for path in (tmp_path / "out").iterdir()}
    assert kept == {"images", "manifest.csv", "prepared.json"}


def broken(*told: object) -> str:
    raise OSError("the disk is full")


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", "[" * 100_000, '{"files": 3}', '{"name": 1, "extra": 2}']
)
def test_damaged_records_are_refused(
    tmp_path: Path, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "prepared.json").write_text(content)
    with pytest.raises(UserError, match=r"prepared\.json"):
        manifest_of("x", None)


def test_a_record_without_the_manifest_vouches_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    photokit.photo(tmp_path / "in" / "a.jpg")
    record = drawn(tmp_path / "in", tmp_path / "x", 1)
    assert manifest_of("x", None).is_file()
    record.model_copy(update={"files": {}}).write(tmp_path / "x")
    with pytest.raises(UserError, match=r"manifest\.csv is not in prepared\.json"):
        manifest_of("x", None)


def test_classes_are_the_sub_folders_names(tmp_path: Path) -> None:
    photokit.photo(tmp_path / "in" / "a.jpg")
    with pytest.raises(UserError, match="has no sub-folders of photos"):
        drawn(tmp_path / "in", tmp_path / "out", 1, classes=True)
    photokit.photo(tmp_path / "in" / " tabby" / "b.jpg")
    with pytest.raises(UserError, match="cannot be a class's"):
        drawn(tmp_path / "in", tmp_path / "out", 1, classes=True)
    assert drawn(tmp_path / "in", tmp_path / "out", 1).classes == {" tabby": 1}
