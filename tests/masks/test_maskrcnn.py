"""Mask R-CNN: which of its objects is meant, weights that are missing or others, a real forward."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from p2lbench import weights
from p2lbench.errors import UserError
from p2lbench.masks import Detected, maskrcnn
from p2lbench.masks.detect import detected
from p2lbench.masks.maskrcnn import choose
from p2lbench.weights import WeightsMissing

LABELS, SCORES = ["cat", "dog", "dog", "person"], [0.6, 0.7, 0.9, 0.95]
PIXELS = np.zeros((20, 30, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "weights"
    monkeypatch.setenv("P2LBENCH_WEIGHTS", str(folder))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    return folder


def test_the_surest_object_is_meant() -> None:
    assert choose(LABELS, SCORES, Detected("mask-rcnn")) == 3
    assert choose(LABELS, SCORES, Detected("mask-rcnn", "dog")) == 2
    assert choose(LABELS, SCORES, Detected("mask-rcnn", "cat", 0.6)) == 0


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Detected("mask-rcnn", "cat", 0.7), r"no 'cat' of score 0.7 or more \(found: cat, 0.60\)"),
        (Detected("mask-rcnn", "cup"), r"no 'cup' of score 0.5 or more \(found: person, 0.95\)"),
        (
            Detected("mask-rcnn", None, 0.99),
            r"no object of score 0.99 .*person, 0.95\)",
        ),
    ],
)
def test_nothing_that_is_meant(wanted: Detected, said: str) -> None:
    with pytest.raises(UserError, match=said):
        choose(LABELS, SCORES, wanted)
    with pytest.raises(UserError, match="or more; set another"):
        choose([], [], wanted)


def test_missing_weights_say_what_to_fetch() -> None:
    with pytest.raises(WeightsMissing, match="p2lbench weights fetch mask-rcnn"):
        detected(Detected("mask-rcnn"), PIXELS)


def test_a_label_that_coco_does_not_have() -> None:
    with pytest.raises(UserError, match=r"no label 'handbags'\. Did you mean 'handbag'\?"):
        maskrcnn.detect(PIXELS, Detected("mask-rcnn", "handbags"))


def test_files_that_are_not_the_network(tmp_path: Path) -> None:
    (tmp_path / "text.pth").write_text("no weights")
    torch.save({"conv.weight": torch.zeros(1)}, tmp_path / "other.pth")
    torch.save([torch.zeros(1)], tmp_path / "list.pth")
    for name, said in [("text", "cannot be read as"), ("other", "does not fit"), ("list", "does")]:
        with pytest.raises(UserError, match=f"{name}.pth {said}"):
            maskrcnn.load(tmp_path / f"{name}.pth")


class Runs:
    def __reduce__(self):
        return (print, ("code of a stranger",))


def test_a_file_runs_no_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"x": Runs()}, tmp_path / "bad.pth")
    with pytest.raises(UserError, match="cannot be read"):
        maskrcnn.load(tmp_path / "bad.pth")
    assert capsys.readouterr().out == ""


# What torchvision's file, which is older than torchvision's modules, calls some of them.
OLD = [
    (r"(roi_heads\.mask_head\.)(\d)\.0", lambda m: f"{m[1]}mask_fcn{int(m[2]) + 1}"),
    (r"(backbone\.fpn\.\w+_blocks\.\d)\.0", r"\1"),
    (r"(rpn\.head\.conv)\.0\.0", r"\1"),
]


def old(name: str) -> str:
    for pattern, replacement in OLD:
        name = re.sub(pattern, replacement, name)
    return name


def random_state() -> dict[str, torch.Tensor]:
    """Small numbers in the network's shapes, under the file's names."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, value in maskrcnn.network().state_dict().items():
        fan_in = max(1, value[0].numel()) if value.ndim > 1 else 1
        drawn = torch.randn(value.shape, generator=generator) * (1 / fan_in) ** 0.5
        state[old(name)] = (
            torch.ones(value.shape) if "running_var" in name else drawn * (value.ndim > 1)
        )
    return state


@pytest.mark.slow
def test_the_real_network_reads_torchvisions_file_and_finds_what_its_heads_say(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.random.get_rng_state()
    state = random_state()
    # Certain of handbags anywhere, and that all of a box is the object.
    number = list(maskrcnn._names()).index("handbag")
    state["roi_heads.box_predictor.cls_score.bias"][number] = 50.0
    state["roi_heads.mask_predictor.mask_fcn_logits.bias"][:] = 50.0
    file = empty.parent / "net.pth"
    torch.save(state, file)
    weights.add("mask-rcnn", file)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    mask = detected(Detected("mask-rcnn", "handbag"), pixels)
    assert torch.random.get_rng_state().equal(before)
    assert mask.shape == (48, 64)
    assert set(np.unique(mask)) == {0.0, 1.0} or mask.all()
    with pytest.raises(UserError, match=r"no 'dog' of score 0\.5"):
        detected(Detected("mask-rcnn", "dog"), pixels)
    monkeypatch.setattr(maskrcnn, "load", lambda path: pytest.fail("it was kept"))
    assert (detected(Detected("mask-rcnn", "handbag"), pixels) == mask).all()
