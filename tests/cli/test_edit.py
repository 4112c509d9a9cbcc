"""`edit`, `directions` and `blend` as a user calls them, on a generator that takes a moment."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from e2e.kit import PHOTOS, Ran, called, ran_inline, written
from PIL import Image
from safetensors.torch import load_file, save_file

CLASSY = """
import torch
from p2lbench.api import Generator, Variable, hookimpl

class Classy(Generator):
    size = 8
    conditional = True
    classes = ("ankle boot", "bag", "coat")
    variables = (
        Variable("z", (4,), bound=2.0, step=0.05),
        Variable("c", (3,), step=0.01, role="gradient"),
    )
    def load(self, device):
        drawn = torch.Generator().manual_seed(7)
        self.map = torch.randn(7, 3 * 8 * 8, generator=drawn).mul(0.3)
    def parameters(self):
        return {"map": self.map}
    def embed(self, class_ids):
        return torch.eye(3)[class_ids]
    def forward(self, z, c):
        return torch.tanh(torch.cat([z, c], 1) @ self.map).view(-1, 3, 8, 8)

@hookimpl
def register_generators(register):
    register("classy", Classy)
"""
IMAGE = {
    "file": str(PHOTOS / "ankle-boot-39.png"),
    "class": "ankle boot",
    "mask": {"box": [4, 8, 28, 24]},
}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one cell, with a transform; the plugins two folders above it."""
    where = tmp_path_factory.mktemp("edit")
    search = {"outer": "cma", "inner": "adam", "outer_steps": 1, "inner_steps": 1}
    suite = written(
        where,
        CLASSY,
        images=[IMAGE],
        generators=["classy"],
        transforms=[{"spatial": {"prealigned": False, "search": search}}],
        optimizers=[{"adam": {"steps": 3}}],
    )
    outcome, _ = ran_inline(suite)
    return outcome.folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "r"))


@pytest.fixture
def plugin(original: Path) -> list[Any]:
    return ["--plugin", original.parents[1] / "more.py"]


def ok(*arguments: Any) -> Any:
    done: Ran = called(*arguments, "--json")
    assert done.code == 0, done.err
    return done.json


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_a_change_of_class(folder: Path, plugin: list[Any]) -> None:
    told = ok("edit", folder, "--class", "bag", "--strength", "0:1:3", *plugin)
    made = Path(told["folder"])
    assert made.name == "ankle-boot-39-class-bag"
    assert json.loads((made / "edit.json").read_text()) == told
    assert [step["strength"] for step in told["steps"]] == [0.0, 0.5, 1.0]
    latents = load_file(made / "latents.safetensors")
    assert latents["c"][2].tolist() == [0.0, 1.0, 0.0]
    assert latents["z"][0].equal(latents["z"][2])
    assert latents["phi"].shape == (3, 4)
    for k, step in enumerate(told["steps"]):
        assert pixels(made / step["generated"]).shape == (8, 8, 3)
        assert pixels(made / f"original-{k}.png").shape == (8, 8, 3)
    assert (pixels(made / "generated-0.png") != pixels(made / "generated-2.png")).any()
    assert pixels(made / "strip.png").shape[1] > 5 * 160
    # Fewer steps leave nothing of these.
    ok("edit", folder, "--class", "bag", "--strength", "1", *plugin)
    assert len([*made.glob("generated-*.png")]) == 1


def test_components_and_every_class(folder: Path, plugin: list[Any]) -> None:
    words = ["--direction", "pca:0", "--direction", "pca:3", "--strength=-9", "--name", "mine"]
    told = ok("edit", folder, *words, *plugin)
    assert Path(told["folder"]) == folder / "edits" / "mine"
    assert [step["edit"] for step in told["steps"]] == ["pca:0", "pca:3"]
    # So far is beyond the bounds, at which it is kept.
    assert all(0 < step["clamped"] <= 1 for step in told["steps"])
    assert load_file(folder / "edits" / "mine" / "latents.safetensors")["z"].abs().max() == 2
    told = ok("edit", folder, "--all-classes", *plugin)
    names = [step["edit"] for step in told["steps"]]
    assert names == ["class ankle boot", "class bag", "class coat"]


def test_learnt_directions_are_kept(folder: Path, plugin: list[Any], tmp_path: Path) -> None:
    first = ok("edit", folder, "--direction", "zoom", *plugin)
    (kept,) = (folder / "directions").iterdir()
    before = kept.stat().st_mtime_ns
    assert ok("edit", folder, "--direction", "zoom", *plugin) == first
    assert kept.stat().st_mtime_ns == before
    file = tmp_path / "d.safetensors"
    learning = ["--learn", "zoom,shift-x", "--steps", 2, "-o", file, *plugin]
    told = ok("directions", "classy", *learning)
    assert [*told["directions"]] == ["zoom", "shift-x"]
    found = ok("edit", folder, "--direction", f"{file}:shift-x", *plugin)
    assert found["steps"][0]["unit"] == "image widths to the right"
    ok("directions", "classy", *learning)  # its like is replaced


def test_of_another_generator(folder: Path, original: Path, plugin: list[Any]) -> None:
    file = folder / "d.safetensors"
    tiny = ["--plugin", original.parents[1] / "tiny.py"]
    ok("directions", "tiny", "--learn", "zoom", "--steps", 1, "-o", file, *tiny)
    done = called("edit", folder, "--direction", f"{file}:zoom", *plugin)
    assert done.code == 2
    assert "not of this generator" in done.err


def test_blending(folder: Path, plugin: list[Any]) -> None:
    pytest.importorskip("cv2")
    told = ok("blend", folder, *plugin)
    made, photo = Path(told["folder"]), pixels(Path(str(IMAGE["file"])))
    blended = pixels(made / "blended.png")
    assert blended.shape == photo.shape == (32, 32, 3)
    assert (blended != photo).any()
    assert (blended[:4] == photo[:4]).all()  # the mask begins at row 8, and changes fade over 4
    assert (pixels(made / "placed.png") != photo).any()
    ok("edit", folder, "--class", "coat", "--name", "coat", *plugin)
    edited = ok("blend", folder, "--edit", "coat", "--step", 4, "--area", "frame", *plugin)
    assert (edited["edit"], edited["step"], edited["area"]) == ("coat", 4, "frame")
    assert edited["share"] > told["share"]
    plain = ok("blend", folder, "--area", "frame", "--name", "plain", *plugin)
    both = [pixels(Path(each["folder"]) / "blended.png") for each in (edited, plain)]
    assert (both[0] != both[1]).any()


def test_with_fine_tuned_weights(folder: Path, plugin: list[Any]) -> None:
    pytest.importorskip("cv2")
    ok("finetune", folder, "--steps", 2, "--lr", 0.1, "--weight", 0, "--name", "loose", *plugin)
    plain = ok("edit", folder, "--class", "bag", "--name", "plain", *plugin)
    tuned = ok("edit", folder, "--finetuned", "loose", "--class", "bag", "--name", "tuned", *plugin)
    assert (plain["finetuned"], tuned["finetuned"]) == (None, "loose")
    both = [pixels(Path(each["folder"]) / "generated-4.png") for each in (plain, tuned)]
    assert (both[0] != both[1]).any()
    told = ok("blend", folder, "--edit", "tuned", *plugin)
    assert told["finetuned"] == "loose"
    assert ok("blend", folder, "--finetuned", "loose", *plugin)["edit"] is None
    (own,) = (folder / "finetuned").iterdir()
    other = own.with_name(own.name.replace("-loose", "-very-loose"))
    shutil.copytree(own, other)
    assert ok("blend", folder, "--edit", "tuned", *plugin)["finetuned"] == "loose"
    # The same name, but fine-tuned for longer.
    shutil.rmtree(other)
    aside = own.rename(own.parents[1] / "aside")
    ok("finetune", folder, "--steps", 3, "--lr", 0.1, "--weight", 0, "--name", "loose", *plugin)
    done = called("blend", folder, "--edit", "tuned", *plugin)
    assert (done.code, "was fine-tuned anew since it was edited" in done.err) == (2, True)
    shutil.rmtree(own)
    aside.rename(own)
    assert ok("blend", folder, "--edit", "tuned", *plugin)["finetuned"] == "loose"
    # Of a candidate that was not edited, though it has the name.
    cell, candidate, _ = own.name.split("-")
    moved = own.rename(own.with_name(f"{cell}-{1 - int(candidate)}-loose"))
    told = json.loads((moved / "finetune.json").read_text())
    (moved / "finetune.json").write_text(json.dumps({**told, "candidate": 1 - int(candidate)}))
    done = called("blend", folder, "--edit", "tuned", *plugin)
    assert (done.code, "of another projection" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["edit"], "say what to edit"),
        (["edit", "--class", "bagg"], "Did you mean 'bag'"),
        (["edit", "--all-classes", "--class", "bag"], "goes without --class"),
        (["edit", "--class", "bag", "--strength", "x"], "--strength: expected a, a:b or a:b:n"),
        (["edit", "--class", "bag", "--strength", "0", "--strength", "1"], "one for all or 1"),
        (["edit", "--direction", "zom"], "Did you mean 'zoom'"),
        (["edit", "--direction", "pca:9"], "expected pca:0 to pca:3"),
        (["edit", "--direction", "pca:x"], "expected pca:0, pca:1"),
        (["edit", "--direction", "no.safetensors:zoom"], "no.safetensors: cannot be read"),
        (["edit", "--class", "bag", "--name", "../x"], "--name: expected up to 100 letters"),
        (["edit", "--class", "bag", "--image", "boot"], "there is no 'boot'"),
        (["edit", "--class", "bag", "--finetuned", "x", "--image", "y"], "leave their options out"),
        (["blend", "--finetuned", "x", "--candidate", "0"], "leave their options out"),
        (["edit", "--class", "bag", "--finetuned", "x"], "nothing was fine-tuned here"),
        (["blend", "--edit", "none"], "no edit 'none'"),
        (["blend", "--edit", "none", "--candidate", "0"], "leave their options out"),
        (["blend", "--step", "1"], "name it with --edit"),
        (["blend", "--area", "frame", "--dilate", "2"], "--area frame does without it"),
    ],
)
def test_what_the_user_gets_wrong(
    folder: Path, plugin: list[Any], words: list[str], message: str
) -> None:
    done = called(words[0], folder, *words[1:], *plugin)
    assert done.code == 2
    assert message in done.err
    assert not done.out
    assert not (folder / "edits").exists()


def test_directions_that_are_none(folder: Path, plugin: list[Any]) -> None:
    done = called("directions", "classy", "--learn", "zoom,spin", *plugin)
    assert (done.code, "--learn: no 'spin'" in done.err) == (2, True)
    (folder / "mine.txt").write_text("mine")
    done = called("directions", "classy", "-o", folder / "mine.txt", *plugin)
    assert done.code == 2
    assert (folder / "mine.txt").read_text() == "mine"


def test_without_classes(original: Path, tmp_path: Path) -> None:
    outcome, _ = ran_inline(written(tmp_path, optimizers=[{"adam": {"steps": 1}}]))
    tiny = ["--plugin", tmp_path / "tiny.py"]
    for words in (["--class", "bag"], ["--all-classes"]):
        done = called("edit", outcome.folder, *words, *tiny)
        assert (done.code, "Tiny has no classes" in done.err) == (2, True)
    ok("edit", outcome.folder, "--direction", "pca:0", *tiny)


def test_without_opencv(folder: Path, plugin: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    done = called("blend", folder, *plugin)
    assert done.code == 2
    assert "blend needs OpenCV: pip install opencv-python-headless" in done.err
    assert not (folder / "blends").exists()


@pytest.mark.parametrize(
    "told",
    [
        "not json",
        "[]",
        '{"steps": []}',
        '{"steps": [{"edit": "x", "strength": "y"}]}',
        '{"steps": [{"edit": "x", "strength": 1}], "candidate": "0", "finetuned": null}',
        "[" * 100_000,
    ],
)
def test_hostile_edits(folder: Path, plugin: list[Any], told: str) -> None:
    ok("edit", folder, "--class", "bag", "--name", "e", *plugin)
    (folder / "edits" / "e" / "edit.json").write_text(told)
    done = called("blend", folder, "--edit", "e", *plugin)
    assert done.code == 2
    assert "edit.json: not what p2lbench edit writes" in done.err


def test_points_that_are_not_of_the_edit(folder: Path, plugin: list[Any]) -> None:
    pytest.importorskip("cv2")
    ok("edit", folder, "--class", "bag", "--name", "e", *plugin)
    path = folder / "edits" / "e" / "latents.safetensors"
    tensors = load_file(path)
    save_file({**tensors, "z": torch.full((5, 4), 9.0)}, path)
    done = called("blend", folder, "--edit", "e", *plugin)
    assert (done.code, "out of their bounds" in done.err) == (2, True)
    save_file({**tensors, "z": torch.zeros(5, 3)}, path)
    assert called("blend", folder, "--edit", "e", *plugin).code == 2
    path.unlink()
    assert called("blend", folder, "--edit", "e", *plugin).code == 2
    ok("edit", folder, "--class", "bag", "--name", "e", *plugin)
    assert called("blend", folder, "--edit", "e", "--step", 5, *plugin).code == 2
