"""The encoder: what it takes, what it was trained to, and that training resumes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from p2lbench import zoo
from p2lbench.zoo import biggan, checkpoints, encoder, export, fmnist, measure_encoder
from p2lbench.zoo import train_encoder as training
from p2lbench.zoo.cards import render
from p2lbench.zoo.samples import Samples, Source, grey

NAME = "encoder-fmnist"


@pytest.fixture(scope="module")
def source() -> Source:
    return Source()


@pytest.fixture(scope="module")
def few(source: Source) -> Samples:
    return source.draw(60, seed=7)


def trainer(few: Samples, source: Source, **changes: Any) -> training.Trainer:
    settings = training.Settings("sha", epochs=3, batch=16, **changes)
    return training.Trainer(settings, few, source.vectors)


def test_samples_are_the_generators_with_the_z_and_class_that_made_them(
    source: Source, few: Samples
) -> None:
    assert few.pixels.shape == (60, 32, 32)
    assert few.z.abs().max() <= 2
    assert few.labels.bincount().tolist() == [6] * 10
    model = zoo.load_biggan_fmnist()
    with torch.no_grad():
        images = model(few.z, biggan.one_hot(few.labels, 10), 1.0)
    assert (grey(images).int() - few.pixels.int()).abs().max() <= 1
    assert torch.equal(source.draw(60, seed=7).pixels, few.pixels)
    assert not torch.equal(source.draw(60, seed=8).z, few.z)


def test_grey_is_the_mean_of_the_channels_as_a_file_would_have_it() -> None:
    images = torch.tensor([-1.0, 0.0, 1.0])[:, None, None, None].expand(3, 3, 1, 1).clone()
    images[1, :, 0, 0] = torch.tensor([0.5, 0.0, -0.5])
    assert grey(images).flatten().tolist() == [0, 128, 255]
    assert grey(torch.full((1, 3, 1, 1), 1.5)).item() == 255


def test_loading_is_frozen_in_float32_and_leaves_the_global_stream_alone() -> None:
    before = torch.get_rng_state()
    model = zoo.load_encoder(NAME)
    assert torch.equal(before, torch.get_rng_state())
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    with pytest.raises(ValueError, match="no embedded encoder 'percep-fmnist'"):
        zoo.load_encoder("percep-fmnist")


def test_it_is_small() -> None:
    files = sum(path.stat().st_size for path in zoo.folder(NAME).iterdir())
    assert files <= 280_000


def test_one_image_is_encoded_as_among_others_and_the_class_matters(
    source: Source, few: Samples
) -> None:
    model, images = zoo.load_encoder(NAME), fmnist.to_images(few.pixels[:5])
    c = source.vectors[few.labels[:5]]
    with torch.no_grad():
        together, alone = model(images, c), model(images[2:3], c[2:3])
        other = model(images, c.roll(1, 0))
    assert together.shape == (5, 64)
    assert torch.allclose(together[2], alone[0], atol=1e-4)
    assert (together - other).abs().max() > 0.05


def test_only_grey_is_seen(few: Samples, source: Source) -> None:
    model, images = zoo.load_encoder(NAME), fmnist.to_images(few.pixels[:2])
    tinted = images + torch.tensor([0.2, -0.1, -0.1])[:, None, None]
    c = source.vectors[few.labels[:2]]
    with torch.no_grad():
        assert torch.allclose(model(images, c), model(tinted, c), atol=1e-4)


def test_it_recovers_z_of_samples_it_has_not_seen(source: Source) -> None:
    samples = source.draw(200, seed=31)
    model = zoo.load_encoder(NAME)
    error = training.error(model, samples, source.vectors)
    figures = json.loads((zoo.folder(NAME) / "figures.json").read_text(encoding="utf-8"))
    assert error == pytest.approx(figures["mse"], rel=0.06)
    wrong = Samples(samples.pixels, samples.z.roll(1, 0), samples.labels)
    assert training.error(model, wrong, source.vectors) > samples.z.square().mean()


def test_figures_reach_what_is_promised() -> None:
    figures = json.loads((zoo.folder(NAME) / "figures.json").read_text(encoding="utf-8"))
    assert figures["mse"] < 0.85 * figures["mse_of_zero"]
    for key in ("on_samples", "on_photos"):
        for metric in ("l1", "percep-fmnist", "percep-fmnist-heldout"):
            encoded, zero, random = (
                figures[key][start][metric] for start in ("encoder", "z = 0", "random z")
            )
            assert encoded < zero
            assert encoded < 0.9 * random


def test_photos_and_samples_are_measured(photos: fmnist.Photos) -> None:
    picked = fmnist.Photos(photos.pixels[::25], photos.labels[::25], photos.indices[::25])
    figures = measure_encoder.measure_encoder(picked, samples=40)
    assert figures["photos"] == 20
    assert len(figures["r2"]) == 64
    assert 0.7 < figures["mse_of_zero"] < 0.85
    found = figures["on_samples"]
    assert found["encoder"]["l1"] < found["random z"]["l1"]
    stored = json.loads((zoo.folder(NAME) / "figures.json").read_text(encoding="utf-8"))
    assert "| test photos | z = 0 |" in render(NAME, {**stored, **figures})


@pytest.mark.parametrize("bfloat16", [False, True])
def test_resumed_equals_uninterrupted(
    tmp_path: Path, few: Samples, source: Source, bfloat16: bool
) -> None:
    straight = trainer(few, source, bfloat16=bfloat16)
    training.train(straight, tmp_path / "a")
    interrupted = trainer(few, source, bfloat16=bfloat16)
    interrupted.run_epoch()
    checkpoints.save(tmp_path / "b" / "checkpoint.pt", interrupted.state())
    resumed = trainer(few, source, bfloat16=bfloat16)
    training.train(resumed, tmp_path / "b")
    assert resumed.epoch == 3
    for name, tensor in straight.model.state_dict().items():
        assert torch.equal(tensor, resumed.model.state_dict()[name])
    with pytest.raises(ValueError, match="seed: 100000 -> 1"):
        training.train(trainer(few, source, bfloat16=bfloat16, seed=1), tmp_path / "b")


def test_training_lowers_the_error_and_leaves_the_global_stream_alone(
    few: Samples, source: Source
) -> None:
    before = torch.get_rng_state()
    run = trainer(few, source)
    losses = [run.run_epoch() for _ in range(3)]
    assert losses[2] < losses[0]
    assert torch.equal(before, torch.get_rng_state())


def test_shards_are_drawn_once(
    tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "SHARD", 20)
    settings = training.Settings("sha", shards=2)
    first = training.draw(source, settings, tmp_path)
    assert len(first) == 40
    assert torch.equal(first.z[20:], source.draw(20, settings.seed + 1).z)
    monkeypatch.setattr(source, "draw", None)
    assert torch.equal(training.draw(source, settings, tmp_path).pixels, first.pixels)


def test_the_script_trains_and_its_checkpoint_is_exported_in_half_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "SHARD", 20)
    monkeypatch.setattr(training, "HELD_OUT", 10)
    arguments = ["--out", str(tmp_path / "run"), "--shards", "2", "--epochs", "1"]
    training.main(arguments)
    out = tmp_path / "weights"
    export.main([NAME, str(tmp_path / "run" / "checkpoint.pt"), "--out", str(out)])
    stored = load_file(out / "model.safetensors")
    assert {t.dtype for t in stored.values()} == {torch.float16, torch.int64}
    facts = export.training_facts(out / "model.safetensors")
    assert (facts["samples"], facts["epochs"], facts["settings"]["shards"]) == (40, 1, 2)
    model = encoder.blank()
    model.load_state_dict(stored, strict=True)
    trained = checkpoints.load(tmp_path / "run" / "checkpoint.pt")
    assert trained is not None
    for name, tensor in model.state_dict().items():
        assert torch.allclose(tensor.float(), trained["model"][name].float(), rtol=1e-3, atol=1e-6)
