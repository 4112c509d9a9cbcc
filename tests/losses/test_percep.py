"""The distance in the embedded classifiers' features, over a stand-in network and the real ones."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from p2lbench.losses.percep import Percep, fmnist, fmnist_heldout


class Scaled(nn.Module):
    """One stage that hands the image on, times ten."""

    def features(self, images: Tensor) -> list[Tensor]:
        return [10 * images]


class Plain(Percep):
    def _classifier(self) -> Any:
        return Scaled()


def value(loss: Percep, images: Tensor, targets: Tensor, masks: Tensor) -> Tensor:
    return loss(images, loss.prepare(targets, masks))


def draw(size: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    images, targets = (torch.rand(2, 3, size, size, generator=generator) * 2 - 1 for _ in "ab")
    return images, targets, torch.rand(2, 1, size, size, generator=generator)


@pytest.fixture
def plain() -> Plain:
    loss = Plain()
    loss.load("cpu")
    return loss


def test_by_hand(plain: Plain) -> None:
    images, targets, masks = draw(16)
    unit = [nn.functional.normalize(x, dim=1) for x in (images, targets)]
    squares = (unit[0] - unit[1]).square().sum(1, keepdim=True)
    # Half of each square, and one of four stages.
    expected = (squares * masks).sum((1, 2, 3)) / masks.sum((1, 2, 3)) / 8
    torch.testing.assert_close(value(plain, images, targets, masks), expected, rtol=1e-4, atol=0)


def test_symmetric_and_bounded(plain: Plain) -> None:
    images, targets, masks = draw(16)
    there, back = value(plain, images, targets, masks), value(plain, targets, images, masks)
    torch.testing.assert_close(there, back)
    assert torch.all(value(plain, images, -images, masks) <= 0.5)


def test_gradients_are_the_derivative_even_at_zero_features(plain: Plain) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(1, 3, 16, 16, generator=generator).double() * 2 - 1
    images[..., :8] = 0
    mask = torch.ones(1, 1, 16, 16).double()
    prepared = plain.prepare(images.flip(-1), mask)
    images.requires_grad_()
    analytic = torch.autograd.grad(plain(images, prepared).sum(), images)[0]
    direction = torch.randn(images.shape, generator=generator).double()
    step = 1e-7 * direction
    with torch.no_grad():
        numeric = (plain(images + step, prepared) - plain(images - step, prepared)) / 2e-7
    torch.testing.assert_close((analytic * direction).sum(), numeric[0], rtol=1e-4, atol=1e-6)


def test_the_target_is_computed_once(plain: Plain) -> None:
    images, targets, masks = draw(16)
    prepared = plain.prepare(targets, masks)
    runs: list[int] = []
    inner = plain._model.features

    def count(x: Tensor) -> list[Tensor]:
        runs.append(len(x))
        features: list[Tensor] = inner(x)
        return features

    plain._model.features = count
    plain(images, prepared)
    assert runs == [2]


def test_no_gradient_is_kept_for_the_target(plain: Plain) -> None:
    _, targets, masks = draw(16)
    prepared = plain.prepare(targets.requires_grad_(), masks)
    assert not any(value.requires_grad for value in prepared.values())


@pytest.mark.parametrize("make", [fmnist, fmnist_heldout])
def test_never_called_what_it_is_not(make: Any) -> None:
    loss = make()
    assert not any("lpips" in text.lower() for text in [*loss.protocol.values(), *loss.weights])


@pytest.mark.parametrize("make", [fmnist, fmnist_heldout])
def test_tells_more_from_less_damage(make: Any) -> None:
    loss = make()
    loss.load("cpu")
    _, targets, _ = draw(32)
    noise = torch.randn(targets.shape, generator=torch.Generator().manual_seed(1))
    prepared = loss.prepare(targets, torch.ones(1, 1, 32, 32))
    values = [loss((targets + s * noise).clamp(-1, 1), prepared) for s in (0.0, 0.05, 0.2, 0.8)]
    assert all(torch.all(a < b) for a, b in pairwise(values))


def test_unloaded_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="load"):
        Percep().prepare(torch.zeros(1, 3, 32, 32), torch.ones(1, 1, 32, 32))
