"""`p2lbench project`, as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from e2e.kit import PHOTOS, Ran, called, ran_inline, records, written
from PIL import Image
from safetensors.torch import load_file

from p2lbench.report import video

BAG = PHOTOS / "bag-126.png"
SEARCHED = {"spatial": {"search": {"outer_steps": 1, "inner_steps": 2}}}


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return written(tmp_path, transforms=[SEARCHED, "none"])


def project(*words: object) -> Ran:
    return called("project", BAG, "--suite", "s.yaml", "--executor", "inline", *words)


def test_latents_reconstruction_grid_and_video(suite: Path) -> None:
    done = project("--method", "transform=spatial,optimizer=basincma", "--video", "-o", "out/bag")
    assert done.code == 0, done.err
    folder = Path("out/bag")
    names = ("grid.png", "reconstruction.png", "aligned.png", "latents.safetensors")
    for name in (*names, "projection.gif"):
        assert f"out/bag/{name}" in done.out
        assert (folder / name).stat().st_size > 0
    (record,) = records(folder).values()
    latents = load_file(folder / "latents.safetensors")
    assert {name: tuple(value.shape) for name, value in latents.items()} == {"z": (4,), "phi": (4,)}
    assert record.selected is not None
    strip = np.asarray(Image.open(folder / "images" / f"{record.cell}.png"))
    mine = np.asarray(Image.open(folder / "reconstruction.png"))
    assert (mine == strip[:, 8 * record.selected :][:, :8]).all()
    aligned = np.asarray(Image.open(folder / "aligned.png"))
    assert aligned.shape == mine.shape
    assert (aligned != mine).any()
    with Image.open(folder / "projection.gif") as film:
        assert getattr(film, "n_frames", 1) > 3
    assert called("verify", folder, "--plugin", "tiny.py", "--executor", "inline").code == 0
    assert "p2lbench finetune out/bag --weight 1\n" in done.out


def test_points_are_those_of_a_run_on_that_image(suite: Path) -> None:
    outcome, _ = ran_inline(suite)
    theirs = {key[:5]: record for key, record in records(outcome.folder).items()}
    done = project("--method", "all", "--json")
    assert done.code == 0, done.err
    mine = {key[:5]: record for key, record in records(Path(done.json["results"])).items()}
    assert mine.keys() == theirs.keys()
    for row, record in mine.items():
        assert record.cell == theirs[row].cell
        assert record.latents == theirs[row].latents
        assert record.metrics == theirs[row].metrics


def test_methods_are_compared_and_their_files_named(suite: Path) -> None:
    told = project("--method", "adam | none", "--method", "cma | none", "--json").json
    assert [found["optimizer"] for found in told["methods"]] in (["adam", "cma"], ["cma", "adam"])
    assert told["methods"][0]["objective"] <= told["methods"][1]["objective"]
    assert told["cells"]["total"] == 2
    files = {Path(path).name for path in told["files"]}
    assert files == {
        "grid.png",
        *(f"reconstruction-{name}.png" for name in ("adam", "cma")),
        *(f"latents-{name}.safetensors" for name in ("adam", "cma")),
    }
    folder = Path(told["results"])
    assert folder.name == "project-bag-126"
    # One of them alone, from the cache: the other's files would be taken for this call's.
    again = project("--method", "cma | none", "--json").json
    assert (again["cells"]["total"], again["cells"]["cached"]) == (1, 1)
    assert {path.name for path in folder.glob("latents-*")} == set()
    assert (folder / "latents.safetensors").exists()


def test_methods_whose_names_differ_in_signs_have_files_of_their_own(suite: Path) -> None:
    rows = [{"adam": {"steps": 2}, "as": "ж+"}, {"adam": {"steps": 3}, "as": "ж-"}]
    settings = ("--set", f"optimizers={json.dumps(rows)}", "--set", "transforms=[none]")
    told = project("--method", "all", *settings, "--json").json
    files = sorted(Path(path).name for path in told["files"] if "latents" in path)
    assert files == ["latents-1.safetensors", "latents-2.safetensors"]


def test_the_best_repeat_is_the_one_to_go_on_with(suite: Path) -> None:
    done = project("--method", "adam | none", "--set", "repeats=3", "-o", "out/bag")
    assert done.code == 0, done.err
    found = {key[-1]: record for key, record in records(Path("out/bag")).items()}
    best = min(found, key=lambda repeat: min(x for x in found[repeat].objective if x is not None))
    assert best != "0"
    assert f"p2lbench finetune out/bag --weight 1 --repeat {best}\n" in done.out


def test_a_video_later_takes_the_search_again_and_finds_the_same(suite: Path) -> None:
    row = ("--method", "basincma | none", "--json")
    first, second, third = project(*row), project(*row, "--video"), project(*row, "--video")
    assert [done.json["cells"]["cached"] for done in (first, second, third)] == [0, 0, 1]
    assert first.json["methods"] == second.json["methods"] == third.json["methods"]
    assert Path(third.json["files"][-1]).name == "projection.gif"


def test_a_method_that_fails_is_told_and_the_others_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code = (
        "from p2lbench.api import Optimizer, hookimpl\n"
        "class Bad(Optimizer):\n"
        "    def minimize(self, problem):\n"
        "        raise RuntimeError('no way')\n"
        "@hookimpl\n"
        "def register_optimizers(register):\n"
        "    register('bad', Bad)\n"
    )
    written(tmp_path, plugin=code, optimizers=[{"adam": {"steps": 2}}, "bad"])
    done = project("--method", "all")
    assert done.code == 1
    assert "no way" in done.out
    assert Path("results/project-bag-126/reconstruction.png").exists()
    alone = project("--method", "bad", "--json")
    assert (alone.code, alone.json["files"]) == (1, [])
    assert alone.json["methods"][0]["objective"] is None
    assert not Path("results/project-bag-126/reconstruction.png").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--method", "bad"), "--method: no row has 'bad'"),
        (("--mask", "0 0 99 99"), "--mask: expected a box"),
        (("--device", "tpu"), "--device: expected auto"),
        (("--mp4",), "pip install 'p2lbench[video]'"),
        (("--generator", "tinny"), "Did you mean 'tiny'"),
    ],
)
def test_what_is_wrong_leaves_nothing(
    suite: Path, words: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "find_spec", lambda name: None)
    done = project(*words, "-o", "out/x")
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err
    assert not Path("out").exists()
