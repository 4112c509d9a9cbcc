"""Built-in transforms through whole cells, and the truth that a suite tells of an image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from e2e.kit import PHOTOS, called, ran_inline, records, tasks, timeless, written
from safetensors.torch import load

from p2lbench.leaderboard import load as load_board
from p2lbench.project import run_cell
from p2lbench.record import Record
from p2lbench.report.formats import render
from p2lbench.store import Store
from p2lbench.transforms.spatial import Spatial

SEARCH = {"search": {"outer_steps": 2, "inner_steps": 1}}
PHOTO = str(PHOTOS / "bag-126.png")
MASKED = {"file": PHOTO, "mask": {"box": [4, 8, 20, 24]}}
TRUE = {**MASKED, "truth": {"spatial": [1, 1, 0.25, 0], "color": [0.8]}}
# The tiny generator with objects of a known place.
STATS = """
from p2lbench.api import ObjectStats, hookimpl
from tiny import Tiny

class Aligned(Tiny):
    fill = -1.0
    object_stats = ObjectStats((0.5, 0.5), (0.75, 0.75))

@hookimpl
def register_generators(register):
    register("aligned", Aligned)
"""


def ran(folder: Path, **keys: Any) -> dict[str, Record]:
    """Cells by transform."""
    keys = {"images": [MASKED], "optimizers": [{"adam": {"steps": 1}}], **keys}
    plugin = STATS.replace("from tiny import Tiny", _tiny())
    outcome, _ = ran_inline(written(folder, plugin, generators=["aligned"], **keys))
    return {key[2]: record for key, record in records(outcome.folder).items()}


def _tiny() -> str:
    from e2e.kit import TINY

    return TINY.partition("@hookimpl")[0]


def phi(record: Record, name: str = "phi") -> torch.Tensor:
    return load(record.latents)[name]


EVERY = ["color", "brightness", "contrast", "saturation", "gamma", "hue", "rotation", "perspective"]


def test_every_transform_runs(tmp_path: Path) -> None:
    names = ["spatial", *EVERY, "spatial+color", "prealign+color", "rotation+spatial+hue"]
    found = ran(tmp_path, transforms=["none", "prealign", *({name: SEARCH} for name in names)])
    assert {name: r.status for name, r in found.items() if r.status != "ok"} == {}
    assert set(found) == {"none", "prealign", *names}
    for name in names:
        assert phi(found[name]).unique(dim=0).shape[0] == 1  # CMA's mean, for every candidate
        assert phi(found[name]).isfinite().all()


def test_prealign_holds_phi0_and_costs_nothing(tmp_path: Path) -> None:
    found = ran(tmp_path, transforms=["none", "prealign", {"spatial": SEARCH}])
    # A box of half the image's height and width, centred at (0.5, 0.375), into three quarters.
    expected = torch.tensor([2 / 3, 2 / 3, -0.25, 0.0])
    torch.testing.assert_close(phi(found["prealign"]), expected.expand(2, -1))
    assert found["prealign"].ledger["passes"] == found["none"].ledger["passes"]
    assert not phi(found["spatial"]).equal(phi(found["prealign"]))


def test_beside_prealign_only_the_rest_is_searched(tmp_path: Path) -> None:
    found = ran(tmp_path, transforms=["none", {"prealign+color": SEARCH}, "prealign"])
    both = found["prealign+color"]
    assert phi(both, "phi_held").equal(phi(found["prealign"]))
    assert phi(both).shape == (2, 1)
    assert (phi(both) != 1).all()
    # One column: CMA draws 4 points, each descended by a step and then evaluated, twice.
    extra = both.ledger["passes"] - found["none"].ledger["passes"]
    assert extra == 2 * 4 * (2 * 1 + 1)


def test_scored_again_it_gives_the_same_numbers(tmp_path: Path) -> None:
    keys = {"transforms": [{"prealign+color": SEARCH}]}
    first = ran(tmp_path, metrics=["l1"], **keys)["prealign+color"]
    again = ran(tmp_path, metrics=["l1", "l2"], **keys)["prealign+color"]
    assert again.latents == first.latents
    assert again.metrics["original"]["l1"] == first.metrics["original"]["l1"]
    assert "l2" in again.metrics["aligned"]


def test_without_a_mask_prealign_is_skipped_and_spatial_starts_at_the_identity(
    tmp_path: Path,
) -> None:
    frozen = {"spatial": {"search": {"outer_steps": 1, "inner_steps": 1, "sigma": 1e-6}}}
    found = ran(tmp_path, images=[PHOTO], transforms=["prealign", frozen])
    assert found["prealign"].status == "skipped"
    assert "the image has no mask" in found["prealign"].reason
    near = Spatial().identity().expand(2, -1)
    torch.testing.assert_close(phi(found["spatial"]), near, atol=1e-4, rtol=0)


def test_outside_of_its_view_the_image_is_the_generators_background(tmp_path: Path) -> None:
    """In the stored pictures, too."""
    import io

    import numpy as np
    from PIL import Image

    truth = {"spatial": [1, 1, 0.5, 0]}
    found = ran(tmp_path, images=[{**MASKED, "truth": truth}], transforms=["oracle"])
    picture = np.asarray(Image.open(io.BytesIO(found["oracle"].images)))
    # The view begins a quarter of the image from the left; two candidates of 8 pixels.
    assert (picture[:, [0, 1, 8, 9]] == 0).all()
    assert (picture[:, 2:8] != 0).any()


def test_the_oracle_holds_the_truth(tmp_path: Path) -> None:
    found = ran(tmp_path, images=[TRUE], transforms=["oracle", "prealign"])
    expected = torch.tensor([1, 1, 0.25, 0, 0.8])
    torch.testing.assert_close(phi(found["oracle"]), expected.expand(2, -1))


def planned(folder: Path, image: dict[str, Any], transform: str) -> str:
    from p2lbench import suite
    from p2lbench.plan import plan

    file = written(folder, images=[image], transforms=[transform], optimizers=["none"])
    checked, plugins = suite.load(file)
    (cell,) = plan(checked, plugins).cells()
    return cell.id


def test_the_truth_decides_the_oracles_cells_and_no_others(tmp_path: Path) -> None:
    other = {**TRUE, "truth": {"spatial": [1, 1, 0.26, 0], "color": [0.8]}}
    swapped = {**TRUE, "truth": {"color": [0.8], "spatial": [1, 1, 0.25, 0]}}
    ids = [planned(tmp_path, image, "oracle") for image in (TRUE, other, swapped)]
    assert len(set(ids)) == 3
    assert len({planned(tmp_path, image, "spatial") for image in (TRUE, MASKED)}) == 1


WRONG = {
    "no truth": (MASKED, "transform 'oracle' needs the truth of 'bag-126'"),
    "a name": ({**MASKED, "truth": {"spatal": [1]}}, "unknown transform 'spatal'"),
    "a number": (
        {**MASKED, "truth": {"spatial": [1, 1]}},
        "parameters of 'spatial': expected 4, got 2",
    ),
    "none": ({**MASKED, "truth": {"none": []}}, "parameters of 'none': expected 0, got 0"),
    "limits": (
        {**MASKED, "truth": {"spatial": [9, 1, 0, 0]}},
        "'spatial' expects 0.0625 to 4 here, got 9",
    ),
    "a type": ({**MASKED, "truth": {"spatial": "x"}}, "truth.spatial"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_truth_is_refused_with_its_place(tmp_path: Path, case: str) -> None:
    image, message = WRONG[case]
    file = written(tmp_path, images=[image], transforms=["oracle"])
    done = called("validate", file)
    assert done.code == 2
    assert message in done.err
    assert f"{file}:" in done.err


def test_how_far_off_the_truth_a_transform_is(tmp_path: Path) -> None:
    found = ran(tmp_path, images=[TRUE], transforms=["none", "prealign", "oracle"])
    none, prealign, oracle = (found[name].diagnostics for name in ("none", "prealign", "oracle"))
    assert oracle["placement"] == pytest.approx([0, 0], abs=1e-5)
    assert oracle["brightness"] == pytest.approx([0, 0], abs=1e-5)
    assert none["placement"] == pytest.approx([0.25 * 8 / 2] * 2, abs=1e-5)  # of 8 pixels
    assert none["brightness"] == prealign["brightness"] == pytest.approx([0.25, 0.25])
    assert prealign["scale"] == pytest.approx([0.5, 0.5], abs=1e-5)
    assert "coverage" not in none
    assert 0 < prealign["coverage"][0] <= 1  # type: ignore[operator]


def test_another_truth_is_compared_with_what_is_stored(tmp_path: Path) -> None:
    """Nothing is searched again."""
    first = ran(tmp_path, images=[TRUE], transforms=["prealign"])["prealign"]
    moved = {**TRUE, "truth": {"spatial": [2 / 3, 2 / 3, -0.25, 0], "color": [1]}}
    again = ran(tmp_path, images=[moved], transforms=["prealign"])["prealign"]
    assert again.cell == first.cell
    assert again.latents == first.latents
    assert again.trace == first.trace
    assert first.diagnostics["placement"][0] > 0.5  # type: ignore[operator]
    assert again.diagnostics["placement"] == pytest.approx([0, 0], abs=1e-5)


def test_a_truth_that_goes_takes_its_diagnostics_with_it(tmp_path: Path) -> None:
    assert "placement" in ran(tmp_path, images=[TRUE])["none"].diagnostics
    assert ran(tmp_path, images=[MASKED])["none"].diagnostics == {}


def test_the_truth_of_one_image_is_no_concern_of_the_others(tmp_path: Path) -> None:
    other = {"file": str(PHOTOS / "trouser-24.png"), "truth": {"spatial": [1, 1, 0.5, 0]}}
    keys: dict[str, Any] = {"optimizers": [{"adam": {"steps": 1}}], "losses": ["l1"]}
    ran_inline(written(tmp_path, images=[TRUE], **keys))
    outcome, _ = ran_inline(written(tmp_path, images=[TRUE, other], **keys))
    assert (outcome.cells["total"], outcome.cells["cached"]) == (2, 1)


BROKEN = """
from p2lbench.api import hookimpl
from p2lbench.transforms.spatial import Spatial

class Broken(Spatial):
    def positions(self, points, phi, size):
        raise RuntimeError("no idea")

class Careless(Spatial):
    def gain(self, phi):
        phi += 0.25
        return phi[:, 0]

@hookimpl
def register_transforms(register):
    register("broken", Broken)
    register("careless", Careless)
"""


def test_diagnostics_that_raise_take_no_scores_with_them(tmp_path: Path) -> None:
    keys: dict[str, Any] = {"optimizers": ["none"], "transforms": [{"broken": SEARCH}]}
    keys |= {"images": [TRUE]}
    for metrics in (["l1"], ["l1", "mae"]):  # as run, and as scored again
        outcome, found = ran_inline(written(tmp_path, BROKEN, metrics=metrics, **keys))
        record = found["none"]
        assert record.status == "ok"
        assert record.diagnostics == {}
        assert set(record.metrics["original"]) == set(metrics)
        assert "RuntimeError: no idea" in record.missing["diagnostics"]
        with Store.open_read(outcome.folder) as store:
            assert "no idea" in render(load_board(store), "table", 300)


def test_what_diagnostics_do_to_points_does_not_reach_the_store(tmp_path: Path) -> None:
    transforms = [{"spatial": SEARCH}, {"careless": SEARCH}]
    # Of one candidate, a variable's columns are no copy.
    keys: dict[str, Any] = {"optimizers": ["none"], "transforms": transforms, "candidates": 1}
    outcome, _ = ran_inline(written(tmp_path, BROKEN, images=[TRUE], **keys))
    found = {key[2]: record for key, record in records(outcome.folder).items()}
    assert phi(found["careless"]).tolist() == phi(found["spatial"]).tolist()


def test_a_search_that_the_budget_does_not_pay_for_is_said(tmp_path: Path) -> None:
    keys: dict[str, Any] = {"transforms": ["spatial"], "budget": {"passes": 100}}
    note = "its transform was not searched: half of the budget pays for no draw"
    assert ran(tmp_path, **keys)["spatial"].notes == (note,)
    assert ran(tmp_path, **{**keys, "transforms": [{"spatial": SEARCH}]})["spatial"].notes == ()


def test_the_ledger_does_not_depend_on_which_cell_a_worker_runs_first(tmp_path: Path) -> None:
    keys: dict[str, Any] = {"optimizers": [{"adam": {"steps": 1}}], "images": [MASKED]}
    _, _, models, (task,) = tasks(written(tmp_path, transforms=[{"rotation": SEARCH}], **keys))
    first, second = (run_cell(task, models) for _ in range(2))
    assert first.status == "ok"
    assert timeless(first)["ledger"] == timeless(second)["ledger"]


def test_one_photo_has_one_truth(tmp_path: Path) -> None:
    (tmp_path / "copy.png").write_bytes(Path(PHOTO).read_bytes())
    copy = {**TRUE, "file": "copy.png"}
    other = {**copy, "truth": {"spatial": [1, 1, 0.5, 0]}}
    done = called("validate", written(tmp_path, images=[TRUE, other]))
    assert done.code == 2
    assert "'copy' has the pixels and the mask of 'bag-126', but another truth" in done.err
    assert called("validate", written(tmp_path, images=[TRUE, copy])).code == 0
    masked = {**other, "mask": {"box": [4, 8, 20, 20]}}
    assert called("validate", written(tmp_path, images=[TRUE, masked])).code == 0


MOVING = """
from p2lbench.api import hookimpl
from p2lbench.transforms.projective import Rotation

class Moving(Rotation):
    def positions(self, points, phi, size):
        return points + {by}

@hookimpl
def register_transforms(register):
    register("moving", Moving)
"""


def test_a_true_transform_whose_code_changed_is_asked_anew(tmp_path: Path) -> None:
    image = {**MASKED, "truth": {"moving": [5]}}
    cells = []
    for by in (0.0, 0.5):
        suite = written(tmp_path, MOVING.format(by=by), images=[image], optimizers=["none"])
        _, found = ran_inline(suite)
        cells.append(found["none"])
    assert cells[0].cell == cells[1].cell
    assert cells[0].diagnostics["placement"] == pytest.approx([0, 0], abs=1e-5)
    assert cells[1].diagnostics["placement"][0] > 1  # type: ignore[operator]


def test_the_search_of_a_transform_couples_candidates(tmp_path: Path) -> None:
    keys = {"images": [MASKED], "optimizers": [{"adam": {"steps": 1}}]}
    transforms = ["none", {"spatial": SEARCH}]
    outcome, _ = ran_inline(written(tmp_path, transforms=transforms, **keys))
    with Store.open_read(outcome.folder) as store:
        rows = load_board(store).to_json()["rows"]
    assert {row["transform"]: row["best_of_k"] is not None for row in rows} == {
        "none": True, "spatial": False,
    }  # fmt: skip
