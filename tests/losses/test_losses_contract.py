"""What every loss and metric promises, whichever it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from p2lbench.images import fit
from p2lbench.losses import lpips, register_losses, register_metrics
from p2lbench.losses.base import EmptyMask, Loss
from p2lbench.losses.ms_ssim import MSSSIM
from p2lbench.losses.percep import Percep, fmnist, fmnist_heldout
from p2lbench.losses.pixel import L1, L2, MAE, MSE
from p2lbench.losses.psnr import PSNR

few = settings(
    max_examples=10,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # `case` is the same throughout
)
PER_PIXEL = {"l1": L1, "l2": L2, "mae": MAE, "mse": MSE}


class StandIn(nn.Module):
    """A small network with dead features: a ReLU over a negative bias."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.first = nn.Conv2d(3, 6, 3, stride=2, padding=1)
            self.second = nn.Conv2d(6, 8, 3, stride=2, padding=1)
        nn.init.constant_(self.first.bias, -0.3)  # type: ignore[arg-type]

    def features(self, images: Tensor) -> list[Tensor]:
        first = self.first(images).relu()
        return [first, self.second(first).relu()]


class PercepOverStandIn(Percep):
    def _classifier(self) -> Any:
        return StandIn()


CASES: dict[str, tuple[Callable[[], Loss], int]] = {
    **{name: (kind, 12) for name, kind in PER_PIXEL.items()},
    "psnr": (PSNR, 12),
    "ms-ssim": (MSSSIM, 24),
    "percep": (PercepOverStandIn, 16),
    "percep-fmnist": (fmnist, 32),
    "percep-fmnist-heldout": (fmnist_heldout, 32),
    "lpips-alex": (lpips.alex, 64),
    "lpips-alex-authors": (lambda: lpips.alex(masked="authors"), 64),
    "lpips-alex-resized": (lambda: lpips.alex(resize=64), 20),
}

OPTIMISED = [name for name in CASES if name not in ("psnr", "ms-ssim", "percep-fmnist-heldout")]
SIZED = [name for name in CASES if name not in (*PER_PIXEL, "psnr")]


@pytest.fixture(scope="module")
def loaded() -> dict[str, Loss]:
    return {}


@pytest.fixture(params=CASES)
def case(
    request: pytest.FixtureRequest, loaded: dict[str, Loss], trunk: Callable[[str], None]
) -> tuple[Loss, int]:
    make, size = CASES[request.param]
    if request.param not in loaded:
        trunk("alex")
        loss = make()
        loss.load("cpu")
        loaded[request.param] = loss
    return loaded[request.param], size


def draw(n: int, size: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Images, targets and masks of n rows, reproducible from the seed."""
    generator = torch.Generator().manual_seed(seed)
    images, targets = (torch.rand(n, 3, size, size, generator=generator) * 2 - 1 for _ in "ab")
    masks = torch.full((n, 1, size, size), 0.3)
    masks[:, :, size // 4 : size // 2, : size // 2] = 1
    masks[-1] = torch.rand(1, size, size, generator=generator)
    return images, targets, masks


seeds = st.integers(0, 2**20)


@few
@given(seed=seeds, n=st.integers(2, 3))
def test_rows_do_not_influence_each_other(case: tuple[Loss, int], seed: int, n: int) -> None:
    loss, size = case
    images, targets, masks = draw(n, size, seed)
    together = loss(images, loss.prepare(targets, masks))
    turned = loss(images.flip(0), loss.prepare(targets.flip(0), masks.flip(0))).flip(0)
    alone = torch.cat(
        [
            loss(images[k : k + 1], loss.prepare(targets[k : k + 1], masks[k : k + 1]))
            for k in range(n)
        ]
    )
    assert torch.allclose(together, turned, rtol=1e-5)
    assert torch.allclose(together, alone, rtol=1e-5)


@few
@given(seed=seeds)
def test_one_target_serves_all_images(case: tuple[Loss, int], seed: int) -> None:
    loss, size = case
    images, targets, masks = draw(3, size, seed)
    target, mask = targets[:1], masks[:1]
    expected = loss(images, loss.prepare(target.expand(3, -1, -1, -1), mask.expand(3, -1, -1, -1)))
    assert torch.allclose(loss(images, loss.prepare(target, mask)), expected, rtol=1e-5)
    one_target = loss.prepare(target, masks)
    assert {len(value) for value in one_target.values()} <= {1, 3}
    assert loss(images, one_target).shape == (3,)


@few
@given(seed=seeds, scale=st.sampled_from([0.5, 0.3, 0.01]))
def test_only_the_proportions_of_a_mask_matter(
    case: tuple[Loss, int], seed: int, scale: float
) -> None:
    loss, size = case
    images, targets, masks = draw(2, size, seed)
    full = loss(images, loss.prepare(targets, masks))
    assert torch.allclose(full, loss(images, loss.prepare(targets, masks * scale)), rtol=1e-4)


@pytest.mark.parametrize("corner", [(0, 0), (-1, -1), (5, 7)])
def test_one_pixel_of_a_photo_is_a_number(case: tuple[Loss, int], corner: tuple[int, int]) -> None:
    """Resized it is a faint spot; with a hard score, all else weighs nothing."""
    loss, size = case
    images, targets, _ = draw(1, size)
    photo = np.zeros((3 * size + 1, 3 * size + 1), dtype=np.float32)
    photo[corner] = 1
    masks = torch.from_numpy(fit(photo, (size, size)))[None, None]
    assert 0 < masks.max() < 0.2
    images.requires_grad_(loss.objective)
    values = loss(images, loss.prepare(targets, masks))
    assert values.isfinite().all()
    if loss.objective:
        (slope,) = torch.autograd.grad(values.sum(), images)
        assert slope.isfinite().all()


def test_tensors_in_and_out(case: tuple[Loss, int]) -> None:
    loss, size = case
    arguments = draw(3, size)
    before = [tensor.clone() for tensor in arguments]
    images, targets, masks = arguments
    prepared = loss.prepare(targets, masks)
    values = loss(images, prepared)
    assert values.shape == (3,)
    assert values.dtype == torch.float32
    assert all(torch.equal(a, b) for a, b in zip(arguments, before, strict=True))
    assert not any(value.requires_grad for value in prepared.values())
    assert torch.equal(values, loss(images, prepared)), "a second call gives another value"


def test_an_exact_match_is_best(case: tuple[Loss, int]) -> None:
    loss, size = case
    images, targets, masks = draw(2, size)
    prepared = loss.prepare(targets, masks)
    exact, other = loss(targets, prepared), loss(images, prepared)
    if loss.higher_is_better:
        assert torch.all(exact > other)
    else:
        assert torch.allclose(exact, torch.zeros(2), atol=1e-9)
        assert torch.all(other > 0)


@pytest.mark.parametrize("case", OPTIMISED, indirect=True)
@pytest.mark.parametrize("flat", [False, True], ids=["textured", "flat"])
def test_gradients_are_finite_at_an_exact_match(case: tuple[Loss, int], flat: bool) -> None:
    loss, size = case
    assert loss.objective
    _, targets, masks = draw(2, size)
    targets = torch.zeros_like(targets) if flat else targets
    for images in (targets.clone(), targets + 0.1):
        images.requires_grad_()
        values = loss(images, loss.prepare(targets, masks))
        (gradient,) = torch.autograd.grad(values.sum(), images)
        assert torch.isfinite(gradient).all()


def test_loading_again_changes_nothing(case: tuple[Loss, int]) -> None:
    loss, size = case
    images, targets, masks = draw(2, size)
    before = loss(images, loss.prepare(targets, masks))
    loss.load("cpu")
    assert torch.equal(before, loss(images, loss.prepare(targets, masks)))


def test_networks_are_frozen(case: tuple[Loss, int]) -> None:
    model = getattr(case[0], "_model", None)
    if isinstance(model, nn.Module):
        assert not model.training
        assert not any(parameter.requires_grad for parameter in model.parameters())


def test_an_empty_mask_is_refused(case: tuple[Loss, int]) -> None:
    loss, size = case
    _, targets, masks = draw(3, size)
    masks[1] = 0
    with pytest.raises(EmptyMask, match="row 1") as raised:
        loss.prepare(targets, masks)
    assert raised.value.rows == (1,)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t, m: ((t + 1) * 127.5, m), r"targets in \[-1, 1\]"),
        (lambda t, m: (t * float("nan"), m), r"targets in \[-1, 1\]"),
        (lambda t, m: (t, m * 255), r"masks in \[0, 1\]"),
        (lambda t, m: (t, m.expand(-1, 3, -1, -1)), "float masks"),
        (lambda t, m: (t[:, :1], m), "float targets"),
        (lambda t, m: (((t + 1) * 127.5).byte(), m), "float targets"),
        (lambda t, m: (t, m[..., 1:]), "of the targets' size"),
    ],
)
def test_wrong_ranges_and_shapes_are_refused(
    case: tuple[Loss, int], spoil: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], message: str
) -> None:
    loss, size = case
    _, targets, masks = draw(2, size)
    with pytest.raises(ValueError, match=message):
        loss.prepare(*spoil(targets, masks))


@pytest.mark.parametrize("case", SIZED, indirect=True)
def test_too_small_images_are_refused(case: tuple[Loss, int]) -> None:
    loss, _ = case
    _, targets, masks = draw(1, loss.min_size - 1)
    with pytest.raises(ValueError, match=f"at least {loss.min_size} pixels"):
        loss.prepare(targets, masks)


def test_the_protocol_says_everything(case: tuple[Loss, int]) -> None:
    protocol = case[0].protocol
    stated = {"colour range", "resize", "rounding", "network", "version", "reduction", "source"}
    assert stated <= protocol.keys()
    assert all(protocol.values())


def test_a_misspelt_protocol_is_refused() -> None:
    from p2lbench.losses.base import protocol

    with pytest.raises(ValueError, match="colour rnage"):
        protocol(colour_rnage="[0, 1]")


def test_each_name_is_registered_once_and_loads() -> None:
    from p2lbench.registry import Entry, Origin

    found: dict[str, Entry] = {}

    def register(name: str, factory: Any, *, summary: str | None = None) -> None:
        assert name not in found
        assert isinstance(factory, str)
        assert summary
        found[name] = Entry("losses", name, factory, Origin("p2lbench"), summary)

    register_losses(register)
    objectives = set(found)
    register_metrics(register)
    for name, entry in found.items():
        loss = entry.load()()
        assert isinstance(loss, Loss)
        assert loss.objective == (name in objectives)
        assert all("lpips" not in weight for weight in loss.weights) or "lpips" in name
