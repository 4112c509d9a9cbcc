"""The init by the encoder: around E(y, c), for the c of the same row, for its generator alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from e2e.kit import PHOTOS, ran_inline, tasks, written
from PIL import Image
from safetensors.torch import load

from p2lbench import zoo
from p2lbench.api import Skip, UserError, Variable
from p2lbench.generators.base import Generator
from p2lbench.generators.biggan.generator import BigGANFashionMNIST
from p2lbench.inits.encoder import EncoderInit
from p2lbench.project import prepare
from p2lbench.testing import Check, checks
from p2lbench.testing import inits as kit
from p2lbench.zoo.fmnist import CLASSES

MASK = torch.ones(1, 1, 32, 32)
BAG = CLASSES.index("bag")


@pytest.fixture(scope="module")
def target() -> torch.Tensor:
    pixels = np.asarray(Image.open(PHOTOS / "bag-126.png").convert("RGB"), dtype=np.float32)
    return torch.from_numpy(pixels).permute(2, 0, 1)[None] / 127.5 - 1


def loaded(**options: Any) -> EncoderInit:
    init = EncoderInit(**options)
    init.load("cpu")
    return init


def said(init: EncoderInit, target: Any, generator: Any) -> Any:
    return init.distribution(target, MASK, generator, np.random.default_rng(0))


def suite(folder: Path, init: Any, **keys: Any) -> Path:
    basis = {
        "generators": ["biggan-fmnist"],
        "images": [{"file": str(PHOTOS / "bag-126.png"), "class": "bag"}],
        "inits": [init],
        "plugins": None,
        "optimizers": ["none"],
        "metrics": ["l1"],
    }
    return written(folder, **{**basis, **keys})


def test_it_takes_the_class_vector_that_the_row_gives(
    generator: Generator, target: torch.Tensor
) -> None:
    init, model = loaded(), zoo.load_encoder("encoder-fmnist")
    init.class_id = BAG
    boot = generator.embed(torch.tensor([9]))[0]
    init.given = {"c": (boot, torch.zeros(64))}
    found = said(init, target, generator)
    assert found.keys() == {"z"}
    with torch.no_grad():
        assert found["z"][0].equal(model(target, boot[None])[0])


def test_alone_it_takes_and_says_the_class_that_the_suite_gives(
    generator: Generator, target: torch.Tensor
) -> None:
    init, bag = loaded(), generator.embed(torch.tensor([BAG]))[0]
    init.class_id = BAG
    found = said(init, target, generator)
    assert found["c"][0].equal(bag)
    assert found["c"][1] == 0
    with torch.no_grad():
        assert found["z"][0].equal(zoo.load_encoder("encoder-fmnist")(target, bag[None])[0])
    init.class_id = None
    with pytest.raises(Skip, match=r"write \{class: predicted, z: encoder\}"):
        said(init, target, generator)


@pytest.mark.parametrize(("noise", "deviation"), [(0.5, 0.5**0.5), (0.0, 0.0), (2.0, 2**0.5)])
def test_noise_is_a_variance(
    generator: Generator, target: torch.Tensor, noise: float, deviation: float
) -> None:
    init = loaded(noise=noise)
    init.class_id = BAG
    assert said(init, target, generator)["z"][1] == pytest.approx(deviation)


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ValueError, match="noise: expected a variance of at least 0, got -1"):
        EncoderInit(noise=-1)
    with pytest.raises(ValueError, match="encoder: expected one of encoder-fmnist, got 'e4e'"):
        EncoderInit(encoder="e4e")


def other(**changes: Any) -> Generator:
    members = {
        "size": 32,
        "conditional": True,
        "classes": CLASSES,
        "variables": (Variable("z", (64,)), Variable("c", (64,))),
    }
    return type("Other", (Generator,), {**members, **changes})()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variables": (Variable("z", (128,)), Variable("c", (64,)))}, r"z \(64,\).*\(128,\)"),
        ({"variables": (Variable("w", (64,)),)}, r"z \(64,\), the generator has none"),
        ({"variables": (Variable("z", (64,)),)}, r"c \(64,\), the generator has none"),
        ({"size": (32, 48)}, "images of 32x32, the generator has 32x48"),
        ({"classes": CLASSES[::-1]}, "the ten classes of Fashion-MNIST, the generator has others"),
    ],
)
def test_another_generator_is_refused(changes: Any, message: str, target: torch.Tensor) -> None:
    with pytest.raises(Skip, match=f"'encoder-fmnist' is for biggan-fmnist: it takes .*{message}"):
        said(loaded(), target, other(**changes))


# 'untouched' compares generators by their attributes, here a network among them.
CHECKS = [check for check in checks("init") if check.id != "untouched"]


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_it_keeps_the_contract_on_its_own_generator(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kit's own generator is none that it serves."""

    def made() -> Generator:
        found = BigGANFashionMNIST()
        found.load("cpu")
        return found

    monkeypatch.setattr(kit, "_Conditional", made)
    check(EncoderInit)


def test_in_a_cell_the_center_is_the_encoders_and_the_spread_the_priors(tmp_path: Path) -> None:
    for init in ({"z": "encoder", "class": "ground-truth"}, {"z": "encoder", "c": "ground-truth"}):
        _, _, models, (task,) = tasks(suite(tmp_path, init))
        setting = prepare(task, models)
        z, c = (setting.space.slices[name] for name in "zc")
        vector = setting.generator.embed(torch.tensor([BAG]))
        with torch.no_grad():
            expected = zoo.load_encoder("encoder-fmnist")(setting.objective.target, vector)[0]
        assert setting.mean[z].equal(expected)
        assert setting.mean[c].equal(vector[0])
        assert setting.std[z].allclose(torch.tensor(0.5**0.5))
        assert setting.std[c].count_nonzero() == 0
        assert setting.space.std[z].eq(1).all()
        assert setting.init_forwards == 1


def test_the_predicted_class_is_one_more_forward(tmp_path: Path) -> None:
    _, found = ran_inline(suite(tmp_path, {"class": "predicted", "z": "encoder"}))
    assert found["none"].ledger["init_forwards"] == 2


def test_without_noise_all_candidates_start_at_one_point(tmp_path: Path) -> None:
    certain = {"class": "ground-truth", "z": {"encoder": {"noise": 0}}}
    _, found = ran_inline(suite(tmp_path, certain))
    latents = load(found["none"].latents)
    assert latents["z"][0].equal(latents["z"][1])


def test_alone_its_images_are_nearer_than_those_of_random_z(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    photos = [("bag-126", "bag"), ("ankle-boot-39", 9), ("trouser-24", 1), ("pullover-87", 2)]
    for name, number in photos:
        image = {"file": str(PHOTOS / f"{name}.png"), "class": number}
        errors = []
        for where, init in (
            ("a", {"class": "ground-truth", "z": "encoder"}),
            ("b", "ground-truth"),
        ):
            path = suite(tmp_path / where, init, images=[image], candidates=8)
            _, found = ran_inline(path)
            errors.append(np.mean(found["none"].metrics["original"]["l1"]))
        assert errors[0] < errors[1]


def test_a_suite_names_an_encoder_that_there_is(tmp_path: Path) -> None:
    path = suite(tmp_path, {"class": "predicted", "z": {"encoder": {"encoder": "e4e"}}})
    with pytest.raises(UserError, match="encoder: expected one of encoder-fmnist, got 'e4e'"):
        tasks(path)
