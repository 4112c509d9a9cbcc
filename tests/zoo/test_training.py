"""Training: resumed equals uninterrupted, and checkpoints are whole or absent."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from p2lbench.zoo import checkpoints, fmnist, train_classifier, train_encoder, train_gan
from p2lbench.zoo.discriminator import discriminator_loss, generator_loss
from p2lbench.zoo.samples import Samples
from p2lbench.zoo.training import EpochTrainer

SMALL = {
    "output_dim": 32,
    "z_dim": 4,
    "class_embed_dim": 4,
    "channel_width": 8,
    "num_classes": 10,
    "layers": [[True, 16, 8], [True, 8, 4], [True, 4, 2], [False, 2, 1]],
    "attention_layer_position": 1,
    "eps": 1e-4,
    "n_stats": 3,
}


def gan(photos: fmnist.Photos, **changes: Any) -> train_gan.Trainer:
    settings = train_gan.Settings(batch=4, width=4, config=SMALL, **changes)
    return train_gan.Trainer(settings, *tensors(photos))


def classifier(photos: fmnist.Photos, name: str, epochs: int = 3) -> train_classifier.Trainer:
    settings = train_classifier.Settings(name, seed=5, epochs=epochs, batch=32)
    return train_classifier.Trainer(settings, *tensors(photos))


def tensors(photos: fmnist.Photos) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(photos.pixels[:96]), torch.from_numpy(photos.labels[:96])


def assert_same(a: Any, b: Any) -> None:
    """Nested containers with tensors, equal bit for bit (the clock aside)."""
    assert type(a) is type(b)
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b)
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a.keys() - {"seconds"}:
            assert_same(a[key], b[key])
    elif isinstance(a, list | tuple):
        for left, right in zip(a, b, strict=True):
            assert_same(left, right)
    else:
        assert a == b


@pytest.mark.parametrize("bfloat16", [False, True])
def test_gan_resumed_equals_uninterrupted(
    tmp_path: Path, photos: fmnist.Photos, bfloat16: bool
) -> None:
    straight = gan(photos, bfloat16=bfloat16)
    train_gan.train(straight, tmp_path / "a", iterations=4, save_every=2)
    train_gan.train(gan(photos, bfloat16=bfloat16), tmp_path / "b", iterations=2, save_every=2)
    resumed = gan(photos, bfloat16=bfloat16)
    train_gan.train(resumed, tmp_path / "b", iterations=4, save_every=2)
    assert resumed.iteration == 4
    assert_same(straight.state(), resumed.state())


def test_gan_moves_everything_and_keeps_averages(tmp_path: Path, photos: fmnist.Photos) -> None:
    trainer = gan(photos)
    before = {name: p.detach().clone() for name, p in trainer.generator.named_parameters()}
    train_gan.train(trainer, tmp_path, iterations=2, save_every=1, keep=frozenset({1}))
    moved = [not torch.equal(p, before[n]) for n, p in trainer.generator.named_parameters()]
    # The attention's own layers start behind a zero gate and move from the second step on.
    assert all(moved)
    kept = checkpoints.load(tmp_path / "average-000001.pt")
    assert kept is not None
    assert kept["iteration"] == 1
    assert not (tmp_path / "average-000002.pt").exists()


def test_gan_refuses_to_resume_with_other_settings(tmp_path: Path, photos: fmnist.Photos) -> None:
    train_gan.train(gan(photos), tmp_path, iterations=1, save_every=1)
    with pytest.raises(ValueError, match="seed: 0 -> 1"):
        train_gan.train(gan(photos, seed=1), tmp_path, iterations=2, save_every=1)


def test_seeds_decide_the_start(photos: fmnist.Photos) -> None:
    assert_same(gan(photos).state(), gan(photos).state())
    with pytest.raises(AssertionError):
        assert_same(gan(photos).generator.state_dict(), gan(photos, seed=1).generator.state_dict())


@pytest.mark.parametrize("name", sorted(train_classifier.SEEDS))
def test_classifier_resumed_equals_uninterrupted(
    tmp_path: Path, photos: fmnist.Photos, name: str
) -> None:
    straight = classifier(photos, name)
    train_classifier.train(straight, tmp_path / "a")
    interrupted = classifier(photos, name)
    interrupted.run_epoch()
    checkpoints.save(tmp_path / "b" / "checkpoint.pt", interrupted.state())
    resumed = classifier(photos, name)
    train_classifier.train(resumed, tmp_path / "b")
    assert_same(straight.state(), resumed.state())


def rates(trainer: EpochTrainer[Any, Any], monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The learning rate of every step of the whole run."""
    found: list[float] = []

    def learn(picks: torch.Tensor) -> float:
        found.extend({group["lr"] for group in trainer.adam.param_groups})
        return 0.0

    monkeypatch.setattr(trainer, "_learn", learn)
    for _ in range(trainer.settings.epochs):
        trainer.run_epoch()
    return found


def test_rates_rise_for_an_epoch_or_a_twentieth_and_fall_along_a_cosine(
    photos: fmnist.Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels, labels = tensors(photos)
    epochs = train_classifier.Settings("percep-fmnist", seed=5, epochs=5, batch=1)
    samples = Samples(pixels, torch.zeros(96, 64), labels)
    twentieth = train_encoder.Settings("sha", epochs=5, batch=1)
    for trainer, settings, rise in (
        (train_classifier.Trainer(epochs, pixels, labels), epochs, 5),
        (train_encoder.Trainer(twentieth, samples, torch.zeros(10, 64)), twentieth, 20),
    ):
        for k, rate in enumerate(rates(trainer, monkeypatch)):
            progress = (k // 96 + k % 96 / 96) / 5
            cosine = 1 + math.cos(math.pi * progress)
            assert rate == settings.lr * min(1.0, rise * progress) * cosine / 2


def test_training_leaves_the_global_stream_alone(photos: fmnist.Photos) -> None:
    before = torch.get_rng_state()
    gan(photos).step()
    classifier(photos, "percep-fmnist").run_epoch()
    assert torch.equal(before, torch.get_rng_state())


def test_augmentation_shifts_and_flips_whole_photos(photos: fmnist.Photos) -> None:
    trainer = classifier(photos, "percep-fmnist")
    pixels = torch.zeros(64, 32, 32, dtype=torch.uint8)
    pixels[:, 10, 12] = 9
    rows, columns = trainer._augment(pixels).nonzero(as_tuple=True)[1:]
    assert len(rows) == 64
    assert set(rows.tolist()) == {8, 9, 10, 11, 12}
    assert set(columns.tolist()) == {*range(10, 15), *range(17, 22)}


def test_a_checkpoint_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "run" / "checkpoint.pt"
    assert checkpoints.load(path) is None
    checkpoints.save(path, {"iteration": 1})
    with pytest.raises(Exception, match="pickle"):
        checkpoints.save(path, {"iteration": lambda: 2})
    assert checkpoints.load(path) == {"iteration": 1}


def test_scripts_train_and_resume(
    tmp_path: Path, write_dataset: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fmnist, "TUNE_PHOTOS", 32)
    data = str(write_dataset(96, 96, prefix="train"))
    out = str(tmp_path / "gan")
    arguments = ["--out", out, "--data", data, "--save-every", "1", "--threads", "1"]
    for iterations in ("1", "2"):
        train_gan.main([*arguments, "--iterations", iterations, "--keep-every", "2"])
    kept = checkpoints.load(tmp_path / "gan" / "average-000002.pt")
    assert kept is not None
    assert kept["settings"] == asdict(train_gan.Settings())
    out = str(tmp_path / "classifier")
    arguments = ["percep-fmnist", "--out", out, "--data", data, "--epochs", "1", "--threads", "1"]
    train_classifier.main(arguments)
    state = checkpoints.load(tmp_path / "classifier" / "checkpoint.pt")
    assert state is not None
    assert state["epoch"] == 1


def test_hinge_losses() -> None:
    real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 0.0])
    assert discriminator_loss(real, fake).item() == pytest.approx(0.25 + 0.5)
    assert generator_loss(fake).item() == pytest.approx(1.5)
