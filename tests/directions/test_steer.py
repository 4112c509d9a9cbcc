"""Learnt directions on a generator that can do just what they imitate."""

from __future__ import annotations

import pytest
import torch
from directions.generators import SIDE, Blob

from p2lbench.directions.steer import Learning, learn
from p2lbench.directions.warps import WARPS
from p2lbench.errors import UserError

QUICK = Learning(steps=60, batch=8, lr=0.2)


@pytest.mark.parametrize(
    ("name", "column", "length"),
    # A strength of 1 is the whole image, ten units of z; or a doubling, two units.
    [("shift-x", 0, 10.0), ("shift-y", 1, 10.0), ("zoom", 2, 2.0)],
)
def test_the_right_latent_is_found(name: str, column: int, length: float) -> None:
    told: list[int] = []
    found = learn(Blob(), name, QUICK, "cpu", told.append).vectors["z"]
    assert float(found[column]) == pytest.approx(length, rel=0.15)
    others = [k for k in range(3) if k != column]
    assert found[others].abs().max() < 0.15 * length
    assert told == list(range(1, 61))


def test_seeds_decide() -> None:
    how = [Learning(steps=3, batch=2, seed=seed) for seed in (0, 0, 1)]
    first, same, other = (learn(Blob(), "zoom", each, "cpu").vectors["z"] for each in how)
    assert first.equal(same)
    assert not first.equal(other)


def test_learning_that_diverges() -> None:
    how = Learning(steps=2, batch=2, lr=float("inf"))
    with pytest.raises(UserError, match=r"learning zoom went beyond all numbers: lower --lr"):
        learn(Blob(), "zoom", how, "cpu")


def test_a_shift_moves_pixels_and_masks_what_comes_in() -> None:
    images = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    moved, seen = WARPS["shift-x"](images, torch.tensor([0.25]))
    torch.testing.assert_close(moved[..., 8:], images[..., :-8])
    assert seen[..., 8:].min() == 1
    assert seen[..., :8].max() == 0
    moved, seen = WARPS["shift-y"](images, torch.tensor([-0.125]))
    torch.testing.assert_close(moved[:, :, :-4], images[:, :, 4:])
    assert seen[:, :, -4:].max() == 0


def test_a_zoom_enlarges_and_masks_what_comes_in() -> None:
    blob = Blob().forward(z=torch.zeros(1, 4))
    larger = Blob().forward(z=torch.tensor([[0.0, 0, 1, 0]]))
    moved, seen = WARPS["zoom"](blob, torch.tensor([0.5]))
    assert (moved - larger).abs().max() < 0.04
    assert seen.min() == 1
    _, seen = WARPS["zoom"](blob, torch.tensor([-1.0]))
    assert float(seen.mean()) == pytest.approx(0.25, abs=0.07)
