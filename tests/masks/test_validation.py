"""Masks of a suite held against its generators, and what a run makes of each kind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from e2e.kit import PHOTOS, ran_inline, written
from PIL import Image

from p2lbench.errors import UserError
from p2lbench.record import Record
from p2lbench.suite import load

BAG = PHOTOS / "bag-126.png"


@pytest.fixture(autouse=True)
def no_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("P2LBENCH_WEIGHTS", str(tmp_path / "weights"))


def checked(folder: Path, **keys: object) -> None:
    load(written(folder, generators=["biggan-fmnist"], plugins=None, **keys))


@pytest.mark.parametrize(("pixels", "refused"), [(1, True), (3, True), (4, False), (9, False)])
def test_fewer_than_four_pixels_are_no_object(tmp_path: Path, pixels: int, refused: bool) -> None:
    image = {"file": str(BAG), "class": "bag", "mask": {"box": [3, 3, 3 + pixels, 4]}}
    if not refused:
        checked(tmp_path, images=[image])
        return
    with pytest.raises(UserError, match=f"32 x 32 pixels .* {pixels} are foreground: .* least 4"):
        checked(tmp_path, images=[image])


def test_an_object_that_vanishes_at_the_generators_size(tmp_path: Path) -> None:
    Image.new("RGB", (640, 640), "grey").save(tmp_path / "big.png")
    image = {"file": str(tmp_path / "big.png"), "class": 8, "mask": {"box": [300, 300, 330, 330]}}
    with pytest.raises(UserError, match=r"32 x 32 pixels .* 1 are foreground"):
        checked(tmp_path, images=[image])


def objectives(folder: Path, mask: object, photo: Path = BAG, **keys: object) -> Record:
    folder.mkdir(exist_ok=True)
    image = {"file": str(photo), **({} if mask is None else {"mask": mask})}
    suite = written(folder, images=[image], optimizers=["none"], losses=["l1"], **keys)
    return ran_inline(suite, folder)[1]["none"]


def test_one_object_in_every_way(tmp_path: Path) -> None:
    grey = np.zeros((32, 32), dtype=np.uint8)
    grey[:, :16] = 255
    Image.fromarray(grey).save(tmp_path / "mask.png")
    corners = [[0, 0], [16, 0], [16, 32], [0, 32]]
    (tmp_path / "list.csv").write_text(f"file,mask\n{BAG},0 0 16 0 16 32 0 32\n")
    ways: list[object] = [{"box": [0, 0, 16, 32]}, {"polygon": corners}, str(tmp_path / "mask.png")]
    found = [objectives(tmp_path / str(n), way) for n, way in enumerate(ways)]
    (tmp_path / "m").mkdir()
    suite = written(
        tmp_path / "m",
        images={"manifest": str(tmp_path / "list.csv")},
        optimizers=["none"],
        losses=["l1"],
    )
    found.append(ran_inline(suite, tmp_path / "m")[1]["none"])
    assert len({record.cell for record in found}) == 1
    assert len({(record.objective, record.latents) for record in found}) == 1


def test_the_objective_sees_what_the_background_weighs_and_metrics_do_not(tmp_path: Path) -> None:
    mask = {"box": [0, 0, 16, 32]}
    found = {
        background: objectives(tmp_path / str(background), mask, background=background)
        for background in (0.3, 0, 0.6, 1)
    }
    for background, record in found.items():
        assert record.metrics == found[0.3].metrics
        inside, everything = (record.metrics[f]["l1"] for f in ("original", "unmasked"))
        for value, a, b in zip(record.objective, inside, everything, strict=True):
            expected = (a + background * (2 * b - a)) / (1 + background)  # two halves
            assert value == pytest.approx(expected, rel=1e-5)


def test_a_cutout_is_compared_inside_its_outline(tmp_path: Path) -> None:
    cutout = Image.open(BAG).convert("RGB")
    alpha = np.zeros((32, 32), dtype=np.uint8)
    alpha[4:28, 6:26] = 255
    cutout.putalpha(Image.fromarray(alpha))
    cutout.save(tmp_path / "cutout.png")
    box = objectives(tmp_path / "box", {"box": [6, 4, 26, 28]}, tmp_path / "cutout.png")
    own = objectives(tmp_path / "own", "alpha", tmp_path / "cutout.png")
    assert own.cell == box.cell
    assert own.objective == box.objective


def test_a_photo_with_saliency_is_one_with_a_mask(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    mask = {"detect": "saliency"}
    plain, found = objectives(tmp_path / "a", None), objectives(tmp_path / "b", mask)
    assert plain.metrics["unmasked"] == found.metrics["unmasked"]
    assert plain.objective != found.objective


def test_a_suite_with_saliency_is_checked_without_torch(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    image = {"file": str(BAG), "class": "bag", "mask": {"detect": "saliency"}}
    suite = written(tmp_path, images=[image], generators=["biggan-fmnist"], plugins=None)
    script = (
        "import sys; from p2lbench.suite import load; from p2lbench.plan import plan; "
        f"list(plan(*load({str(suite)!r})).cells()); sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode == 0
