"""A stored candidate, read back with all that made it."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from audit.folders import cells, copied, made, replaced
from PIL import Image
from safetensors.torch import load as tensors
from safetensors.torch import save

from p2lbench import storedpoints
from p2lbench.errors import StoreError, UserError
from p2lbench.models import Models
from p2lbench.plugins import load as plugins
from p2lbench.projection import Projection, load, of_cell
from p2lbench.store import Store

SPATIAL = "adam | spatial"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("projection"))


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return copied(original, tmp_path)


def loaded(folder: Path, original: Path, **chosen: object) -> Projection:
    registry = plugins([original.parents[1] / "tiny.py"]).registry
    return load(folder, registry, **chosen)  # type: ignore[arg-type]


def stored_image(folder: Path, projection: Projection) -> np.ndarray:
    with Image.open(folder / "images" / f"{projection.row.cell}.png") as strip:
        width = strip.width // projection.task.cell.candidates
        pixels = np.asarray(strip.convert("RGB"))
    return pixels[:, projection.candidate * width : (projection.candidate + 1) * width]


@pytest.mark.parametrize("row", ["adam | none", SPATIAL])
def test_it_is_what_the_run_stored(original: Path, row: str) -> None:
    found = loaded(original, original, row=row, image="ankle-boot-39")
    with Store.open_read(original) as store:
        record = store.get(found.row.cell)
    assert record is not None
    assert found.candidate == record.selected
    assert found.loss() == record.objective[found.candidate]
    made = tensors(record.latents)
    for name, value in found.latents.items():
        assert value.equal(made[name][found.candidate, None])
    pixels = ((found.original()[0].permute(1, 2, 0).clamp(-1, 1) + 1) * 127.5).round()
    assert (pixels.numpy() == stored_image(original, found)).all()
    assert found.image().shape == found.target.shape
    assert found.task.pixels.dtype == np.uint8
    assert 0 < float(found.mask.mean()) < 1
    if row == SPATIAL:
        assert found.phi is not None
        assert found.phi.equal(made["phi"][found.candidate, None])
        assert not found.image().equal(found.original())
    else:
        assert found.phi is None
        assert found.image().equal(found.original())


def test_another_candidate(original: Path) -> None:
    chosen = {"row": "adam | none", "image": "bag-126"}
    selected = loaded(original, original, **chosen)
    other = loaded(original, original, candidate=1 - selected.candidate, **chosen)
    assert other.loss() > selected.loss()


def test_variables_are_moved_within_their_bounds(original: Path) -> None:
    found = loaded(original, original, row="adam | none", image="bag-126")
    name = next(iter(found.latents))
    moved = found.moved({name: found.latents[name] + 1e9})
    high = found.setting.space.high[found.setting.space.slices[name]]
    assert moved.point[0, found.setting.space.slices[name]].equal(
        torch.minimum(high, torch.full_like(high, 1e9) + found.latents[name].flatten())
    )
    assert not moved.point.equal(found.point)
    with pytest.raises(KeyError):
        found.moved({"nothing": torch.zeros(1)})


def test_models_are_its_own_unless_they_are_given(original: Path) -> None:
    one = loaded(original, original, row="adam | none", image="bag-126")
    two = loaded(original, original, row="adam | none", image="bag-126")
    assert one.setting.generator is not two.setting.generator
    registry = plugins([original.parents[1] / "tiny.py"]).registry
    with Store.open_read(original) as store:
        models = Models(registry, "cpu")
        three = of_cell(store, registry, one.row, models=models)
        four = of_cell(store, registry, one.row, models=models)
    assert three.setting.generator is four.setting.generator


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({}, r"--row: 4 rows; say which:\n  adam \| none\n"),
        ({"row": "adma"}, r"no row has 'adma'. Did you mean 'adam'\? There are:\n  adam \| none"),
        ({"row": "adam"}, r"--row: 2 rows; say which:\n  adam \| none\n  adam \| spatial$"),
        ({"row": "adam | search"}, "no row has all of these"),
        ({"row": SPATIAL}, r"--image: 2 to choose from; say which:\n  bag-126"),
        ({"row": SPATIAL, "image": "bag-12"}, "no 'bag-12' here. Did you mean 'bag-126'"),
        ({"row": SPATIAL, "image": "bag-126", "candidate": 7}, "--candidate: expected 0 to 1, got"),
        ({"row": SPATIAL, "image": "bag-126", "repeat": 3}, "--repeat: there is no '3' here"),
    ],
)
def test_what_is_not_there_is_told(original: Path, chosen: dict[str, object], told: str) -> None:
    with pytest.raises(UserError, match=told):
        loaded(original, original, **chosen)


@pytest.mark.parametrize(
    ("latents", "told"),
    [
        (b"\x80\x04not points", "no safetensors"),
        (save({"z": torch.zeros(2, 3)}), "expected torch.float32|candidates"),
        (save({"z": torch.full((5, 1), 9.0)}), r"points of \[5\] candidates"),
    ],
)
def test_points_that_are_none_are_refused(
    folder: Path, original: Path, latents: bytes, told: str
) -> None:
    for cell in cells(folder):
        replaced(folder, "latents", cell, latents)
    with pytest.raises(StoreError, match=told):
        loaded(folder, original, row=SPATIAL, image="bag-126")


def test_points_that_the_run_did_not_store_are_refused(folder: Path, original: Path) -> None:
    for file in (folder / "latents").iterdir():
        file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(StoreError, match="differs from what the run stored"):
        loaded(folder, original, row=SPATIAL, image="bag-126")


def test_a_large_file_is_not_read(
    folder: Path, original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storedpoints, "MAX_FILE", 10)
    with pytest.raises(StoreError, match="not read beyond"):
        loaded(folder, original, row=SPATIAL, image="bag-126")


def test_a_damaged_target_is_refused(folder: Path, original: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32)).save(buffer, "PNG")
    for file in (folder / "targets").glob("*.png"):
        file.write_bytes(buffer.getvalue())
    with pytest.raises(StoreError, match="not the target that the run saw"):
        loaded(folder, original, row=SPATIAL, image="bag-126")


def test_a_plugin_that_is_not_here_is_told(folder: Path) -> None:
    with pytest.raises(UserError, match="is not all here"):
        load(folder, plugins().registry, row=SPATIAL, image="bag-126")


def test_no_results_folder(tmp_path: Path, original: Path) -> None:
    with pytest.raises(StoreError, match="no results here"):
        loaded(tmp_path / "none", original)
    shutil.copy(original / "suite.yaml", tmp_path)
    with pytest.raises(StoreError, match="not a results folder"):
        loaded(tmp_path, original)


def test_code_that_makes_another_image_is_refused(original: Path, tmp_path: Path) -> None:
    code = (original.parents[1] / "tiny.py").read_text()
    other = tmp_path / "tiny.py"
    other.write_text(code.replace("torch.tanh(", "torch.sigmoid("))
    registry = plugins([other]).registry
    with pytest.raises(StoreError, match=r"its objective was .* run the suite again"):
        load(original, registry, row="adam | none", image="bag-126")
