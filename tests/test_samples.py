"""A generator's own samples: written, named in a suite, and the gap to their known optimum."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from e2e.kit import PHOTOS, TINY, called, ran_inline, records, rows, written
from PIL import Image
from safetensors.numpy import load_file, save_file

from p2lbench import suite as suites
from p2lbench.errors import UserError
from p2lbench.plan import plan
from p2lbench.sample import MADE_BY, read_sample

# Returns the point that tiny.py's first sample was made of, and one that is 0.1 beside it.
TOLD = """
import torch
from safetensors.torch import load_file
from p2lbench.api import Optimizer, hookimpl

class Told(Optimizer):
    def __init__(self, file: str = "", off: float = 0.0):
        self.file, self.off = file, off
    def minimize(self, problem):
        z = load_file(self.file)["z"].expand(problem.candidates, -1)
        x = problem.start.clone()
        x[:, :4] = z + self.off
        return x

@hookimpl
def register_optimizers(register):
    register("told", Told)
"""


def drawn(folder: Path, *words: Any) -> Path:
    """tiny.py's samples."""
    (folder / "tiny.py").write_text(TINY)
    made = folder / "samples"
    done = called("samples", "tiny", "-o", made, "--plugin", folder / "tiny.py", *words, "--json")
    assert done.code == 0, done.err
    assert done.json["files"][-1] == "manifest.csv"
    return made


def suite(folder: Path, **keys: Any) -> Path:
    point = str(folder / "samples" / "sample-0.safetensors")
    optimizers = [
        {"told": {"file": point}, "as": "true"},
        {"told": {"file": point, "off": 0.1}, "as": "beside"},
    ]
    basis = {"images": {"manifest": "samples/manifest.csv"}, "optimizers": optimizers}
    return written(folder, **{**basis, "plugin": TOLD, **keys})


def test_an_image_is_what_its_point_makes(tmp_path: Path) -> None:
    made = drawn(tmp_path, "--count", 3)
    z = torch.tensor(load_file(made / "sample-1.safetensors")["z"])
    weights = torch.randn(4, 192, generator=torch.Generator().manual_seed(7)).mul(0.3)
    image = torch.tanh(z @ weights).view(3, 8, 8).permute(1, 2, 0)
    pixels = np.asarray(Image.open(made / "sample-1.png"))
    np.testing.assert_allclose(pixels, (image.numpy() + 1) * 127.5, atol=0.501)


def test_draws_depend_on_seed_and_number_alone(tmp_path: Path) -> None:
    found = []
    for k, words in enumerate((("--count", 2), ("--count", 3), ("--count", 2, "--seed", 1))):
        folder = tmp_path / str(k)
        folder.mkdir()
        files = sorted(drawn(folder, *words).glob("*.safetensors"))
        found.append([load_file(file)["z"].tolist() for file in files])
    assert found[0] == found[1][:2]
    assert found[0] != found[2]
    assert found[0][0] != found[0][1]


def test_the_gap_is_that_to_the_rounded_sample(tmp_path: Path) -> None:
    drawn(tmp_path, "--count", 1)
    outcome, found = ran_inline(suite(tmp_path))
    true, beside = found["true"], found["beside"]
    assert true.diagnostics["gap"] == pytest.approx([0, 0], abs=1e-6)
    # l1 sums channels: rounding is off by up to a half of 1/127.5 in each, a quarter on average.
    (optimum, _) = true.diagnostics["optimum"]
    assert optimum is not None
    assert 0 < optimum < 3 * 0.5 / 127.5
    assert true.objective == pytest.approx([optimum] * 2)
    expected = [float(value or 0) - optimum for value in beside.objective]
    assert beside.diagnostics["gap"] == pytest.approx(expected)
    assert expected[0] > 0.05
    board = rows(outcome.folder)
    assert board["beside"]["diagnostics"]["selected"]["gap"] == pytest.approx(min(expected))
    assert "gap to" in called("leaderboard", outcome.folder).out


def test_with_a_transform_the_optimum_is_without(tmp_path: Path) -> None:
    drawn(tmp_path, "--count", 1)
    search = {"outer_steps": 1, "inner_steps": 1}
    file = suite(tmp_path, transforms=["none", {"spatial": {"search": search}}],
                 optimizers=[{"adam": {"steps": 2}}])  # fmt: skip
    outcome, _ = ran_inline(file)
    found = [record.diagnostics["optimum"] for record in records(outcome.folder).values()]
    assert len(found) == 2
    assert found[0] == pytest.approx(found[1])


def test_another_generator_has_no_gap_and_ids_do_not_change(tmp_path: Path) -> None:
    made = drawn(tmp_path, "--count", 1)
    checked = suites.load(suite(tmp_path))
    before = [cell.id for cell in plan(*checked).cells()]
    point = load_file(made / "sample-0.safetensors")
    save_file(point, made / "sample-0.safetensors", {MADE_BY: "0" * 64})
    assert [cell.id for cell in plan(*suites.load(suite(tmp_path))).cells()] == before
    _, found = ran_inline(suite(tmp_path))
    assert "gap" not in found["true"].diagnostics


def test_a_point_that_is_named_later_is_diagnosed_without_a_search(tmp_path: Path) -> None:
    drawn(tmp_path, "--count", 1)
    plain = {"file": "samples/sample-0.png"}
    _, found = ran_inline(suite(tmp_path, images=[plain]))
    assert "gap" not in found["true"].diagnostics
    named = {**plain, "point": "samples/sample-0.safetensors"}
    outcome, found = ran_inline(suite(tmp_path, images=[named]))
    assert outcome.cells["cached"] == 0
    assert found["true"].diagnostics["gap"] == pytest.approx([0, 0], abs=1e-6)
    assert len(found["true"].trace.passes) == 1  # as stored before
    again, _ = ran_inline(suite(tmp_path, images=[named]))
    assert again.cells["cached"] == 2


def test_points_of_other_variables_cost_the_diagnostics_alone(tmp_path: Path) -> None:
    made = drawn(tmp_path, "--count", 1)
    file = made / "sample-0.safetensors"
    maker = read_sample(file, None).generator
    save_file({**load_file(file), "y": np.zeros((1, 2), np.float32)}, file, {MADE_BY: maker})
    _, found = ran_inline(suite(tmp_path))
    assert found["true"].status == "ok"
    assert "does not have the generator's variables" in found["true"].missing["diagnostics"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (None, "cannot be read"),
        (b"", "not a sample's point"),
        (b"{}" * 50, "not a sample's point"),
        ("z", "expected a file that p2lbench samples wrote"),
    ],
)
def test_files_that_are_no_points(tmp_path: Path, data: Any, expected: str) -> None:
    file = tmp_path / "p.safetensors"
    if data == "z":
        save_file({"z": np.zeros(4, np.float32)}, file)
    elif data is not None:
        file.write_bytes(data)
    image = {"file": str(PHOTOS / "bag-126.png"), "point": "p.safetensors"}
    with pytest.raises(UserError, match=expected) as caught:
        suites.load(suite(tmp_path, images=[image], optimizers=["none"]))
    assert "s.yaml:" in str(caught.value)


def test_a_folder_that_cannot_be_used_is_refused_before_the_generator_is_loaded(
    tmp_path: Path,
) -> None:
    never = TINY.replace("drawn = ", "raise RuntimeError('loaded')\n        drawn = ", 1)
    assert never != TINY
    (tmp_path / "tiny.py").write_text(never)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.png").touch()
    for folder, said in (("full", "is not empty"), ("full/mine.png", "cannot be written")):
        words = ("-o", tmp_path / folder, "--plugin", tmp_path / "tiny.py")
        done = called("samples", "tiny", *words)
        assert (done.code, done.out) == (2, "")
        assert said in done.err


def test_classes_come_in_turn_and_stand_in_the_manifest(tmp_path: Path) -> None:
    made = tmp_path / "new" / "samples"
    done = called("samples", "biggan-fmnist", "-o", made, "--count", 12)
    assert "manifest: " in done.out
    lines = (made / "manifest.csv").read_text().splitlines()
    assert lines[0] == "file,class,point"
    assert lines[11:] == ["sample-10.png,0,sample-10.safetensors",
                          "sample-11.png,1,sample-11.safetensors"]  # fmt: skip
    points = [load_file(made / f"sample-{k}.safetensors") for k in ("00", "10", "11")]
    assert np.array_equal(points[0]["c"], points[1]["c"])
    assert not np.array_equal(points[0]["c"], points[2]["c"])
    assert np.abs(points[0]["z"]).max() <= 2
    again = called("samples", "biggan-fmnist", "-o", made)
    assert again.code == 2
    assert "is not empty" in again.err
    text = {"name": "x", "images": {"manifest": str(made / "manifest.csv")},
            "generators": ["biggan-fmnist"], "optimizers": ["none"]}  # fmt: skip
    (tmp_path / "x.yaml").write_text(json.dumps(text))
    checked, _ = suites.load(tmp_path / "x.yaml")
    assert [image.sample is not None for image in checked.images] == [True] * 12
