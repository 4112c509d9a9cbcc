"""The embedded classifiers as predictors and as trunks of a perceptual distance."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from p2lbench import zoo
from p2lbench.zoo import fmnist
from p2lbench.zoo.train_classifier import accuracy

NAMES = zoo.CLASSIFIERS


@pytest.mark.parametrize("name", NAMES)
def test_accuracy_on_shipped_test_photos(name: str, photos: fmnist.Photos) -> None:
    assert accuracy(zoo.load_classifier(name), photos) >= 0.9


@pytest.mark.parametrize("name", NAMES)
def test_loading_is_frozen_and_deterministic(name: str, photos: fmnist.Photos) -> None:
    first, second = zoo.load_classifier(name), zoo.load_classifier(name)
    images = fmnist.to_images(photos.pixels[:4])
    assert torch.equal(first(images), second(images))
    assert not first.training
    assert not any(p.requires_grad for p in first.parameters())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [16, 21, 32, 64])
@pytest.mark.parametrize("n", [1, 3])
def test_features_halve_in_size(name: str, size: int, n: int) -> None:
    model = zoo.load_classifier(name)
    images = torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    features = model.features(images)
    assert [f.shape[0] for f in features] == [n] * 4
    sides = [f.shape[-1] for f in features]
    assert sides[0] == size
    assert all(a > b for a, b in pairwise(sides))
    assert model(images).shape == (n, 10)


@pytest.mark.parametrize("name", NAMES)
def test_features_survive_the_forward_pass_and_carry_gradients(name: str) -> None:
    model = zoo.load_classifier(name)
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    given = images.clone()
    features = model.features(images.requires_grad_())
    kept = [f.detach().clone() for f in features]
    model.head(features[-1].mean(dim=(2, 3)))
    assert all(torch.equal(f, k) for f, k in zip(features, kept, strict=True))
    for feature in features:
        (gradient,) = torch.autograd.grad(feature.square().sum(), images, retain_graph=True)
        assert gradient.isfinite().all()
        assert gradient.abs().max() > 0
    assert torch.equal(images.detach(), given)


@pytest.mark.parametrize("name", NAMES)
def test_gradient_is_that_of_finite_differences(name: str, photos: fmnist.Photos) -> None:
    model = zoo.load_classifier(name).double()
    image = fmnist.to_images(photos.pixels[:1]).double().requires_grad_()
    direction = torch.randn(image.shape, dtype=torch.float64, generator=torch.Generator())
    (gradient,) = torch.autograd.grad(model.features(image)[-1].sum(), image)
    with torch.no_grad():
        ahead, behind = (model.features(image + h * direction)[-1].sum() for h in (1e-5, -1e-5))
    slope = (gradient * direction).sum().item()
    assert slope == pytest.approx((ahead - behind).item() / 2e-5, rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_an_error_in_colour_is_seen(name: str, photos: fmnist.Photos) -> None:
    model = zoo.load_classifier(name)
    grey = fmnist.to_images(photos.pixels[:8])
    tinted = grey + torch.tensor([0.2, -0.1, -0.1])[:, None, None]
    first = model.features(grey)[0]
    change = (model.features(tinted)[0] - first).norm() / first.norm()
    assert change > 0.01


def test_the_two_differ_in_what_they_see(photos: fmnist.Photos) -> None:
    first, second = (zoo.load_classifier(name) for name in NAMES)
    assert type(first) is not type(second)
    images = fmnist.to_images(photos.pixels[:1])
    shapes = [[f.shape for f in model.features(images)] for model in (first, second)]
    assert shapes[0] != shapes[1]
