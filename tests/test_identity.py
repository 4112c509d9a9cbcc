"""A cell, back from its results folder: all that decides it, and nothing that it does not say."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from p2lbench import suite
from p2lbench.errors import StoreError
from p2lbench.identity import read_cell
from p2lbench.plan import Cell, Image, class_index, plan
from p2lbench.runner import _keep_plan
from p2lbench.store import Store

QUICK = Path(__file__).parents[1] / "suites"


def kept(where: Path, name: str) -> list[Cell]:
    """The planned cells of a suite, stored in `where`."""
    checked, plugins = suite.load(QUICK / name)
    planned = plan(checked, plugins)
    cells = list(planned.cells())
    with Store.create_or_open(where, checked.name) as store:
        _keep_plan(store, planned, {cell.id for cell in cells})
    return cells


def as_read(cell: Cell) -> Cell:
    """Without what a folder has no need of: where the image was, how its mask was given."""
    image = cell.image
    loaded = replace(image, file=Path(), mask=None, split=None, class_name=None)
    optimizer = replace(cell.method.optimizer, settings=None)
    return replace(cell, image=loaded, method=replace(cell.method, optimizer=optimizer))


@pytest.mark.parametrize("name", ["quickstart.yaml", "table1.yaml", "table2.yaml"])
def test_a_cell_comes_back_from_its_folder(tmp_path: Path, name: str) -> None:
    cells = {cell.id: cell for cell in kept(tmp_path / "r", name)}
    with Store.open_read(tmp_path / "r") as store:
        images = store.images()
        for row in store.plan():
            found = read_cell(store, row, images[row.image], "cpu")
            assert as_read(found) == as_read(cells[row.cell])
            classes = tuple(map(str, range(10)))
            assert isinstance(class_index(found.image.class_name, classes), int)


def test_targets_come_back_bit_by_bit(tmp_path: Path) -> None:
    cells = kept(tmp_path / "r", "table1.yaml")
    with Store.open_read(tmp_path / "r") as store:
        images = store.images()
        assert list(images) == list(dict.fromkeys(cell.image.name for cell in cells))
        for cell in cells:
            found = images[cell.image.name]
            assert (found.digest, found.mask_digest) == (cell.image.digest, cell.image.mask_digest)
            assert found.pixels.shape[2] == 3  # the digest is checked when they are read
            assert (found.mask is None) == (cell.image.mask is None)
            assert found.truth == cell.image.truth


def test_a_changed_target_is_found(tmp_path: Path) -> None:
    kept(tmp_path / "r", "table1.yaml")
    with Store.open_read(tmp_path / "r") as store:
        first, second = list(store.images().values())[:2]
        file = first.image(None).file
        file.write_bytes(second.image(None).file.read_bytes())
        with pytest.raises(StoreError, match="not the target that the run saw"):
            first.pixels  # noqa: B018
        file.write_bytes(b"no image")
        with pytest.raises(StoreError, match="cannot be read"):
            first.pixels  # noqa: B018


def test_what_decides_a_cell_cannot_be_changed(tmp_path: Path) -> None:
    (cell, *_) = kept(tmp_path / "r", "quickstart.yaml")
    database = sqlite3.connect(tmp_path / "r" / "results.db")
    (text,) = database.execute("SELECT content FROM identities WHERE id = ?", (cell.id,)).fetchone()
    other = json.dumps({**json.loads(text), "repeat": 7})
    database.execute("UPDATE identities SET content = ? WHERE id = ?", (other, cell.id))
    database.commit()
    database.close()
    with Store.open_read(tmp_path / "r") as store:
        (row, *_) = store.plan()
        with pytest.raises(StoreError, match="was changed"):
            read_cell(store, row, store.images()[row.image], "cpu")


def test_a_plan_that_names_another_image_is_found(tmp_path: Path) -> None:
    kept(tmp_path / "r", "quickstart.yaml")
    with Store.open_read(tmp_path / "r") as store:
        row = store.plan()[0]
        other = next(i for name, i in store.images().items() if name != row.image)
        with pytest.raises(StoreError, match="another image"):
            read_cell(store, row, other, "cpu")


def test_images_from_a_hostile_database(tmp_path: Path) -> None:
    """A digest names a file: nothing but 64 digits may be one."""
    with Store.create_or_open(tmp_path / "r", "quick") as store:
        store.set_images([Image("a", Path(), "../../etc/passwd")])
        with pytest.raises(StoreError, match="what it says of an image is not readable"):
            store.images()
