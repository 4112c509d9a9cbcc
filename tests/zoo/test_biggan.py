"""The embedded generator, and the pieces that made it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pytorch_pretrained_biggan import BigGAN, BigGANConfig
from pytorch_pretrained_biggan.utils import truncated_noise_sample
from safetensors.torch import load_file

from p2lbench import zoo
from p2lbench.zoo import biggan, export

TINY = biggan.CONFIG | {"z_dim": 8, "channel_width": 8, "n_stats": 5}


def sample(model: BigGAN, labels: torch.Tensor, truncation: float) -> torch.Tensor:
    rng = torch.Generator().manual_seed(3)
    z = biggan.truncated_noise(len(labels), model.config.z_dim, truncation, rng)
    images: torch.Tensor = model(z, biggan.one_hot(labels, 10), truncation)
    return images


def test_config_is_the_documented_one(generator: BigGAN) -> None:
    assert zoo.config() == biggan.CONFIG
    assert not generator.training
    assert not any(p.requires_grad for p in generator.parameters())


@pytest.mark.parametrize("truncation", [1.0, 0.7, 0.43, 0.14, 0.02, 0.003])
def test_output_at_every_truncation(generator: BigGAN, truncation: float) -> None:
    images = sample(generator, torch.arange(10), truncation)
    assert images.shape == (10, 3, 32, 32)
    assert images.dtype == torch.float32
    assert images.isfinite().all()
    assert images.abs().max() <= 1
    # The corners are black in all photos, the middle of some is bright.
    assert images[..., :2, :2].mean() < -0.9
    assert images.max() > 0.3


def test_loading_twice_gives_the_same_images(generator: BigGAN) -> None:
    labels = torch.arange(4)
    again = zoo.load_biggan_fmnist()
    assert torch.equal(sample(generator, labels, 1.0), sample(again, labels, 1.0))


def test_evaluation_changes_no_weight(generator: BigGAN) -> None:
    sample(generator, torch.arange(4), 0.5)
    stored = load_file(zoo.weights("biggan-fmnist"))
    state = generator.state_dict()
    assert state.keys() == stored.keys()
    assert all(torch.equal(state[name], stored[name]) for name in stored)


def test_classes_differ(generator: BigGAN) -> None:
    z = torch.zeros(10, 64)
    images = generator(z, torch.eye(10), 1.0).flatten(1)
    distances = torch.cdist(images, images) + 1e3 * torch.eye(10)
    assert distances.min() > 1.0


def test_points_of_a_class_differ(generator: BigGAN) -> None:
    images = sample(generator, torch.full((8,), 8), 1.0).flatten(1)
    assert (torch.cdist(images, images) + 1e3 * torch.eye(8)).min() > 1.0


@pytest.mark.parametrize("judge", zoo.CLASSIFIERS)
def test_samples_are_of_the_class_asked_for(generator: BigGAN, judge: str) -> None:
    labels = biggan.balanced_labels(200, 10)
    guesses = zoo.load_classifier(judge)(sample(generator, labels, 1.0)).argmax(dim=1)
    assert (guesses == labels).float().mean() >= 0.85


def test_gradients_reach_point_and_class_vector(generator: BigGAN) -> None:
    z = torch.zeros(2, 64, requires_grad=True)
    classes = torch.eye(10)[:2].requires_grad_()
    by_z, by_class = torch.autograd.grad(generator(z, classes, 1.0).sum(), (z, classes))
    assert by_z.abs().min() > 0
    assert by_class.abs().min() > 0


@pytest.mark.parametrize("truncation", [1.0, 0.5])
def test_standing_statistics_stand_for_batch_statistics(
    generator: BigGAN, truncation: float
) -> None:
    labels = biggan.balanced_labels(500, 10)
    standing = sample(generator, labels, truncation)
    with biggan.batch_statistics(generator):
        by_batch = sample(generator, labels, truncation)
    assert (standing - by_batch).abs().mean() < 0.02
    assert torch.equal(standing, sample(generator, labels, truncation))


def test_spectral_norms_are_settled(generator: BigGAN) -> None:
    for name, module in generator.named_modules():
        if hasattr(module, "weight_orig"):
            matrix = module.weight_orig.flatten(1)
            stored = torch.dot(module.weight_u, matrix @ module.weight_v)
            exact = torch.linalg.matrix_norm(matrix, 2)
            assert stored == pytest.approx(exact.item(), rel=1e-3), name


def test_noise_has_the_packages_distribution() -> None:
    ours = biggan.truncated_noise(4000, 5, 0.6, torch.Generator().manual_seed(0))
    theirs = torch.from_numpy(truncated_noise_sample(4000, 5, 0.6, seed=0))
    assert ours.abs().max() <= 1.2
    assert ours.mean() == pytest.approx(0, abs=0.02)
    assert ours.std() == pytest.approx(theirs.std().item(), rel=0.02)


def test_measured_statistics_reproduce_the_batch_that_was_measured() -> None:
    rng = torch.Generator().manual_seed(0)
    model = biggan.new_generator(TINY, rng)
    biggan.settle_spectral_norms(model)
    biggan.measure_standing_statistics(model, 64, torch.Generator().manual_seed(1))
    z = biggan.truncated_noise(64, 8, biggan.SMALLEST_TRUNCATION, torch.Generator().manual_seed(1))
    labels = biggan.one_hot(biggan.balanced_labels(64, 10), 10)
    with torch.no_grad(), biggan.batch_statistics(model):
        by_batch = model(z, labels, 1.0)
    for norm in biggan.batch_norms(model):
        norm.running_means[4], norm.running_vars[4] = norm.running_means[0], norm.running_vars[0]
    with torch.no_grad():
        assert torch.allclose(model(z, labels, 1.0), by_batch, atol=1e-4)


def test_export_loads_strictly_and_gives_the_same_images(tmp_path: Path) -> None:
    model = biggan.new_generator(TINY, torch.Generator().manual_seed(0))
    state = {
        "settings": {"config": TINY},
        "iteration": 7,
        "seconds": 1.5,
        "average": model.state_dict(),
    }
    export.export_biggan(state, tmp_path, samples=40)
    stored = load_file(tmp_path / "model.safetensors")
    first, second = (BigGAN(BigGANConfig(**TINY)).eval() for _ in range(2))
    first.load_state_dict(stored, strict=True)
    second.load_state_dict(stored, strict=True)
    labels = torch.arange(10)
    with torch.no_grad():
        assert torch.equal(sample(first, labels, 0.5), sample(second, labels, 0.5))
    assert torch.equal(stored["embeddings.weight"], model.embeddings.weight)
    assert export.training_facts(tmp_path / "model.safetensors")["iteration"] == 7
