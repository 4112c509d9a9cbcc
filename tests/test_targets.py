"""Frozen targets, from the results of a suite to a file, a suite that names it and its table."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from e2e.kit import PHOTOS, called, ran_inline, rows, written
from PIL import Image

from p2lbench import suite as suites
from p2lbench import targets
from p2lbench.errors import UserError
from p2lbench.plan import plan
from p2lbench.spec import digest
from p2lbench.tuning.trials import trial_suite, tuned_rows

IMAGES = [str(PHOTOS / "bag-126.png"), str(PHOTOS / "dress-75.png")]
ADAM, RANDOM = {"adam": {"steps": 20, "lr": 0.2}}, {"random": {"steps": 3}}
BASIS: dict[str, Any] = {"images": IMAGES, "optimizers": [ADAM, RANDOM], "candidates": 3}


def suite(folder: Path, **keys: Any) -> Path:
    return written(folder, **{**BASIS, **keys})


def made(folder: Path, **keys: Any) -> Any:
    """The file `t.json` of a suite that has just been run."""
    file = suite(folder, **keys)
    ran_inline(file)
    done = freeze(file)
    assert done.code == 0, done.err
    return json.loads((folder / "t.json").read_text())


def freeze(file: Path, *words: Any) -> Any:
    folder = file.parent
    words = ("-o", folder / "t.json", "--plugin", folder / "tiny.py", *words)
    return called("targets", folder / "results" / "s", *words)


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a suite, its results and its targets."""
    folder = tmp_path_factory.mktemp("frozen")
    made(folder)
    return folder


def content(folder: Path) -> Any:
    return json.loads((folder / "t.json").read_text())


def naming(frozen: Path, folder: Path, **keys: Any) -> Path:
    """A suite elsewhere that names the targets."""
    (folder / "t.json").write_text((frozen / "t.json").read_text())
    return suite(folder, targets="t.json", **keys)


def test_from_the_median_of_samples_to_the_best_returned(frozen: Path) -> None:
    (one,) = content(frozen)["objectives"]
    best = {}
    for name in ("adam", "random"):
        _, found = suites_records(frozen, name)
        for image, objective in found.items():
            best[image] = min(best.get(image, np.inf), *objective)
    for image in one["images"]:
        values = image["values"]
        assert (values[0], values[-1], len(values)) == (image["median"], image["best"], 10)
        assert np.diff(np.log(values)) == pytest.approx(np.log(values[9] / values[0]) / 9)
        assert image["best"] == best[image["name"]]
        assert image["by"] == ["tiny", "l1", "none", "none", "adam"]


def suites_records(folder: Path, optimizer: str) -> tuple[Path, dict[str, list[float]]]:
    from e2e.kit import records

    found = records(folder / "results" / "s")
    kept = {key[5]: record.objective for key, record in found.items() if key[4] == optimizer}
    return folder, {image: [float(v or 0) for v in values] for image, values in kept.items()}


def test_the_easiest_target_is_the_priors_median(tmp_path: Path) -> None:
    """Against a million draws of what tiny.py does, made by hand."""
    file = suite(tmp_path, images=IMAGES[:1], optimizers=[RANDOM])
    ran_inline(file)
    assert freeze(file, "--draws", 4000).code == 0
    median = content(tmp_path)["objectives"][0]["images"][0]["median"]
    drawn = torch.Generator().manual_seed(7)
    weights = torch.randn(4, 3 * 8 * 8, generator=drawn).mul(0.3)
    z = torch.randn(20_000, 4, generator=torch.Generator().manual_seed(1)).clamp(-2, 2)
    photo = Image.open(IMAGES[0]).convert("RGB").resize((8, 8), Image.Resampling.LANCZOS)
    target = torch.tensor(np.asarray(photo)).permute(2, 0, 1).reshape(-1) / 127.5 - 1
    losses = (torch.tanh(z @ weights) - target).abs().mean(dim=1) * 3
    assert median == pytest.approx(float(losses.median()), rel=0.01)


def test_neither_methods_nor_seeds_move_the_easiest(frozen: Path, tmp_path: Path) -> None:
    other = made(tmp_path, optimizers=["none"], seed=5, candidates=2)
    medians = [[i["median"] for i in one["objectives"][0]["images"]]
               for one in (content(frozen), other)]  # fmt: skip
    assert medians[0] == medians[1]


def test_a_suite_that_names_them_has_runtimes(frozen: Path, tmp_path: Path) -> None:
    file = naming(frozen, tmp_path, optimizers=[ADAM, RANDOM, "none"])
    outcome, _ = ran_inline(file)
    found = rows(outcome.folder)
    assert found["adam"]["targets"]["success"] == [1.0] * 10  # it set the best
    assert found["adam"]["targets"]["rank"] == 1
    reached = [found[name]["targets"]["reached"] for name in ("adam", "random", "none")]
    assert reached == sorted(reached, reverse=True)
    board = called("leaderboard", outcome.folder, "--json").json
    assert board["targets"] == {"sha256": content(frozen)["sha256"], "levels": 10}


def test_a_new_plugin_moves_no_old_result(frozen: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
    before = rows(ran_inline(naming(frozen, old))[0].folder)
    better = {"adam": {"steps": 200, "lr": 0.1}, "as": "better"}
    optimizers = [ADAM, RANDOM, better]
    after = rows(ran_inline(naming(frozen, new, optimizers=optimizers))[0].folder)
    for name in ("adam", "random"):
        one, other = before[name]["targets"], after[name]["targets"]
        assert one["expected"] == other["expected"]
        assert one["ecdf"] == other["ecdf"]
    assert after["better"]["targets"]["success"] == [1.0] * 10


def test_ids_do_not_depend_on_targets(frozen: Path, tmp_path: Path) -> None:
    with_them = plan(*suites.load(naming(frozen, tmp_path)))
    without = plan(*suites.load(suite(tmp_path)))
    assert [cell.id for cell in with_them.cells()] == [cell.id for cell in without.cells()]


def test_masks_and_transforms_have_their_own(tmp_path: Path) -> None:
    """A mask's background counts 0 with a transform, 0.3 without; without a mask it is one."""
    masked = {"file": IMAGES[0], "mask": {"box": [4, 4, 20, 20]}}
    search = {"outer_steps": 1, "inner_steps": 1}
    keys: dict[str, Any] = {
        "images": [masked, IMAGES[1]], "transforms": ["none", {"spatial": {"search": search}}],
        "optimizers": [RANDOM],
    }  # fmt: skip
    found = made(tmp_path, **keys)
    (one,) = found["objectives"]
    kinds = [(image["name"], image["background"]) for image in one["images"]]
    assert sorted(kinds, key=str) == [("bag-126", 0.0), ("bag-126", 0.3), ("dress-75", None)]
    checked, _ = suites.load(suite(tmp_path, targets="t.json", **keys))
    assert checked.targets is not None
    assert [(row.row[2], row.objective, row.traced) for row in checked.targets.rows] == [
        ("none", 0, True), ("spatial", 1, False),
    ]  # fmt: skip


def test_tuning_has_no_targets(frozen: Path, tmp_path: Path) -> None:
    tune = {"file": str(PHOTOS / "tune" / "bag-9016.png"), "split": "tune"}
    file = naming(frozen, tmp_path, images=[*IMAGES, tune])
    checked, plugins = suites.load(file)
    assert checked.targets is not None
    trials = tuned_rows(checked, plugins.registry, trials=2, seed=0)
    assert trial_suite(checked, trials, "x").targets is None


WRONG: list[tuple[Callable[[Any], Any], str]] = [
    (lambda c: c["objectives"][0]["images"][0]["values"].__setitem__(0, 99.0), "it was changed"),
    (lambda c: c.__setitem__("sha256", "0" * 64), "it was changed"),
    (lambda c: c.pop("sha256"), "it was changed"),
    (lambda c: c.pop("levels"), "missing key|levels"),
    (lambda c: c.__setitem__("format", 2), "format: expected 1, got 2"),
    (lambda c: c.__setitem__("levels", "ten"), "levels: expected a whole number, got 'ten'"),
    (lambda c: c["objectives"].__setitem__(0, 3), "expected a mapping, got 3"),
]


@pytest.mark.parametrize(("spoil", "expected"), WRONG)
def test_files_that_were_changed(
    frozen: Path, tmp_path: Path, spoil: Callable[[Any], Any], expected: str
) -> None:
    file, found = naming(frozen, tmp_path), content(frozen)
    spoil(found)
    (tmp_path / "t.json").write_text(json.dumps(found))
    refused(file, expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "t.json cannot be read: No such file"),
        (b"", "not JSON"),
        (b"[1]", "no targets file"),
        (b"\xff\xfe{}", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"sha256": 1e999}', "1e999 is no number"),
        (b'{"sha256": NaN}', "NaN is no number"),
        (b'{"suite": "\\ud800"}', "t.json"),
    ],
)
def test_files_that_are_none(tmp_path: Path, text: bytes | None, expected: str) -> None:
    file = suite(tmp_path, targets="t.json")
    if text is not None:
        (tmp_path / "t.json").write_bytes(text)
    refused(file, expected)


def refused(file: Path, expected: str) -> None:
    """An error with the place in the suite, exit code 2, no traceback."""
    line = 1 + file.read_text().split('"targets"')[0].count("\n")
    done = called("validate", file)
    assert done.code == 2
    assert "s.yaml" in done.err
    assert f"s.yaml:{line}:13: " in done.err
    assert "Traceback" not in done.err
    with pytest.raises(UserError, match=expected):
        suites.load(file)


def test_a_mangled_number_of_values(frozen: Path, tmp_path: Path) -> None:
    """Hashed anew, as somebody who writes such files might."""
    file, found = naming(frozen, tmp_path), content(frozen)
    found["objectives"][0]["images"][0]["values"].pop()
    del found["sha256"]
    (tmp_path / "t.json").write_text(json.dumps({"sha256": digest(found), **found}))
    refused(file, "expected 10 values of 'bag-126', got 9")


@pytest.mark.parametrize(
    "keys",
    [
        {"images": [*IMAGES, str(PHOTOS / "sneaker-36.png")]},
        {"losses": ["l2"]},
        {"images": [{"file": IMAGES[0], "mask": {"box": [4, 4, 20, 20]}}]},
    ],
)
def test_what_they_were_not_made_for(frozen: Path, tmp_path: Path, keys: dict[str, Any]) -> None:
    refused(naming(frozen, tmp_path, **keys), "t.json has no targets for .*Make them with p2lbench")


def test_fewer_images_and_other_names_are_fine(frozen: Path, tmp_path: Path) -> None:
    Image.open(IMAGES[0]).save(tmp_path / "other.bmp")
    checked, _ = suites.load(naming(frozen, tmp_path, images=["other.bmp"]))
    assert checked.targets is not None
    assert [*checked.targets.objectives[0]] == ["other"]


def test_the_command(tmp_path: Path) -> None:
    file = suite(tmp_path)
    outcome, _ = ran_inline(file)
    with sqlite3.connect(outcome.folder / "results.db") as database:
        database.execute("DELETE FROM records WHERE cell IN (SELECT cell FROM records LIMIT 2)")
    database.close()
    done = freeze(file)
    assert done.code == 2
    assert "2 of 4 cells have not been run" in done.err
    assert not (tmp_path / "t.json").exists()
    ran_inline(file)
    document = freeze(file, "--json", "--levels", 4).json
    assert list(document) == [
        "suite", "file", "sha256", "objectives", "images", "levels", "draws", "cells",
    ]  # fmt: skip
    assert (document["objectives"], document["images"], document["levels"]) == (1, 2, 4)
    again = freeze(file)
    assert again.code == 2
    assert "t.json is there" in again.err
    assert targets.read(tmp_path / "t.json", None).sha256 == document["sha256"]
    unknown = called("targets", tmp_path / "results" / "s", "-o", tmp_path / "u.json")
    assert unknown.code == 2
    assert "unknown generator 'tiny'" in unknown.err
    nowhere = freeze(file, "-o", tmp_path / "no" / "t.json")
    assert nowhere.code == 2
    assert "is no folder" in nowhere.err


def test_nothing_reached_anything(tmp_path: Path) -> None:
    broken = (
        "from p2lbench.api import Optimizer, hookimpl\n"
        "class Broken(Optimizer):\n"
        "    def minimize(self, problem):\n        raise ArithmeticError('no')\n"
        "@hookimpl\ndef register_optimizers(register):\n    register('broken', Broken)\n"
    )
    file = suite(tmp_path, optimizers=["broken"], plugin=broken)
    ran_inline(file)
    done = freeze(file)
    assert done.code == 2
    assert "no row has a result on 'bag-126'" in done.err
