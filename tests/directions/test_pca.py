"""Principal components, carried over to the latents."""

from __future__ import annotations

import pytest
import torch
from directions.generators import Blob, Classy, Linear

from p2lbench.directions.direction import Direction
from p2lbench.directions.pca import Components, components, direction, principal
from p2lbench.errors import UserError
from p2lbench.generators.biggan.generator import BigGANFashionMNIST


def cosines(found: Components, right: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cosine_similarity(found.vectors, right.T, dim=1).abs()


def test_of_a_linear_generator_they_are_its_singular_vectors() -> None:
    generator = Linear()
    found = components(generator, {}, "cpu", samples=3000)
    assert found.vectors.shape == (6, 6)
    assert (cosines(found, generator.right) > 0.995).all()
    expected = generator.gains.square() / generator.gains.square().sum()
    torch.testing.assert_close(found.share, expected, atol=0.02, rtol=0)
    assert found.share.diff().max() < 0
    # Of a standard normal z, one standard deviation is a step of length 1.
    torch.testing.assert_close(found.vectors.norm(dim=1), torch.ones(6), atol=0.05, rtol=0)


def test_nearly_orthonormal_where_the_draws_are() -> None:
    found = components(Linear(), {}, "cpu", samples=3000).vectors
    torch.testing.assert_close(found @ found.T, torch.eye(6), atol=0.1, rtol=0)


def test_more_features_than_samples() -> None:
    """Both Gram matrices give the same components, signs included."""
    rng = torch.Generator().manual_seed(0)
    latents = torch.randn(40, 5, generator=rng)
    features = latents @ torch.randn(5, 60, generator=rng)
    turned = torch.linalg.qr(torch.randn(60, 60, generator=rng)).Q[:, :30]
    wide = principal(features, latents)
    narrow = principal(features @ turned @ turned.T, latents)
    assert wide.vectors.shape == (5, 5)
    again = principal(torch.cat([features, torch.zeros(40, 1)], 1), latents)
    torch.testing.assert_close(wide.vectors, again.vectors, atol=1e-4, rtol=1e-4)
    assert narrow.vectors.shape == (5, 5)
    tall = principal(torch.cat([features] * 3), torch.cat([latents] * 3))
    torch.testing.assert_close(wide.vectors, tall.vectors, atol=1e-4, rtol=1e-4)


def test_seeds_decide() -> None:
    first, same, other = (components(Linear(), {}, "cpu", 100, seed) for seed in (0, 0, 1))
    assert first.vectors.equal(same.vectors)
    assert not first.vectors.equal(other.vectors)
    largest = first.vectors.gather(1, first.vectors.abs().argmax(1, keepdim=True))
    assert (largest > 0).all()


def test_what_is_held_does_not_vary() -> None:
    held = {"c": torch.tensor([[9.0, 0.0]]), "z": torch.zeros(1, 6)}
    found = components(Classy(), held, "cpu", 3000)
    plain = components(Linear(), {}, "cpu", 3000)
    # The class shifts all pixels alike, and z is drawn although the point has one.
    torch.testing.assert_close(found.share, plain.share, atol=0.03, rtol=0)
    free = components(Classy(), {}, "cpu", 3000)
    assert free.share[0] > found.share[0] + 0.03


def test_strengths_are_standard_deviations() -> None:
    made = direction(Blob(), Components(torch.tensor([[0.0, 0.5, 0, 0]]), torch.ones(1)), 0)
    assert isinstance(made, Direction)
    moved = made.moved({"z": torch.ones(1, 4)}, -3.0)
    assert moved["z"].tolist() == [[1.0, -0.5, 1.0, 1.0]]
    assert "100.0%" in made.unit


def test_biggan_names_its_first_layer() -> None:
    generator = BigGANFashionMNIST()
    generator.load("cpu")
    latents = generator.draw(3, torch.Generator().manual_seed(0))
    features = generator.features(**latents)
    assert features.shape == (3, 6144)
    # A linear map of z: half of the way of the latents is half of the way of the features.
    middle = {name: value[:1].lerp(value[1:2], 0.5) for name, value in latents.items()}
    expected = features[:1].lerp(features[1:2], 0.5)
    torch.testing.assert_close(generator.features(**middle), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_features_that_tell_nothing(value: float) -> None:
    class Blank(Linear):
        def features(self, **latents: torch.Tensor) -> torch.Tensor:
            return torch.full((len(latents["z"]), 3), value)

    with pytest.raises(UserError, match="Blank: its features are not finite, or do not vary"):
        components(Blank(), {}, "cpu", 10)


@pytest.mark.parametrize("generator", [Linear(), Classy()])
def test_draws_are_the_priors(generator: Linear) -> None:
    drawn = generator.draw(2000, torch.Generator().manual_seed(0))
    assert drawn["z"].shape == (2000, 6)
    torch.testing.assert_close(drawn["z"].std(0), torch.ones(6), atol=0.06, rtol=0)
    if isinstance(generator, Classy):
        assert drawn["c"][:3].equal(generator.vectors)
