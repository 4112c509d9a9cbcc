"""LPIPS through the real loading path, against the package and the golden values."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from p2lbench import weights
from p2lbench.errors import UserError
from p2lbench.losses import lpips
from p2lbench.losses.lpips import LPIPS
from p2lbench.weights import files

MASKS = ("binary", "weight03", "soft", "ones")
Trunk = Callable[[str], None]
Package = Callable[[str], Any]


def loaded(**options: Any) -> LPIPS:
    loss = LPIPS(**options)
    loss.load("cpu")
    return loss


def test_the_recreated_trunk_is_the_golden_one(
    package: Package, golden: dict[str, Tensor], golden_facts: dict[str, Any]
) -> None:
    state = package("alex").state_dict()
    for name, facts in golden_facts["trunk_checksums"].items():
        found = hashlib.sha256(state[name].numpy().astype("<f4").tobytes()).hexdigest()
        assert found == facts["sha256_f32_le"]


def test_features_and_linear_weights(trunk: Trunk, golden: dict[str, Tensor]) -> None:
    trunk("alex")
    loss = loaded()
    for which in ("out", "target"):
        for k, feature in enumerate(loss.features(golden[f"in.{which}"])):
            raw = golden[f"feat.{which}.{k}"]
            expected = raw / raw.square().sum(1, keepdim=True).sqrt()
            torch.testing.assert_close(feature, expected, rtol=1e-4, atol=1e-5)
    for k in range(5):
        one_hot = torch.eye(len(golden[f"lin.{k}"]))[:, :, None, None]
        torch.testing.assert_close(loss.weigh(k, one_hot).flatten(), golden[f"lin.{k}"])


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize(
    ("masked", "key"),
    [("eq7", "eq7_antialias"), ("eq7-plain", "eq7"), ("authors", "code_mask1ch")],
)
def test_masks(trunk: Trunk, golden: dict[str, Tensor], masked: Any, key: str, mask: str) -> None:
    trunk("alex")
    loss = loaded(masked=masked)
    found = loss(golden["in.out"], loss.prepare(golden["in.target"], golden[f"in.mask_{mask}"]))
    torch.testing.assert_close(found, golden[f"lpips.{mask}.{key}"], rtol=1e-5, atol=0)


@pytest.mark.parametrize("mask", ["binary", "soft"])
def test_gradients(trunk: Trunk, golden: dict[str, Tensor], mask: str) -> None:
    trunk("alex")
    loss = loaded(masked="eq7-plain")
    images = golden["in.out"].clone().requires_grad_()
    values = loss(images, loss.prepare(golden["in.target"], golden[f"in.mask_{mask}"]))
    (gradient,) = torch.autograd.grad(values.sum(), images)
    torch.testing.assert_close(gradient, golden[f"grad.lpips_eq7.{mask}"], rtol=0, atol=1e-7)


@pytest.mark.parametrize("net", ["alex", "squeeze"])
def test_unmasked_is_the_package_to_the_bit(
    trunk: Trunk, package: Package, golden: dict[str, Tensor], net: Any
) -> None:
    trunk(net)
    loss, images, targets = loaded(net=net), golden["in.out"], golden["in.target"]
    found = loss(images, loss.prepare(targets, torch.ones(1, 1, 64, 64)))
    assert torch.equal(found, package(net)(images, targets).flatten())
    if net == "alex":
        torch.testing.assert_close(found, golden["lpips.nomask_spatial_false"], rtol=1e-5, atol=0)


def test_vgg_takes_its_trunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its layout, in the old file format of the published one.

    Not its values: a random VGG-16 of 138 million parameters takes too long to draw.
    """
    from torchvision.models import vgg16

    monkeypatch.setenv(files.FOLDER_VARIABLE, str(tmp_path))
    with torch.device("meta"):
        features = vgg16().features
    state = {
        f"features.{name}": torch.full(value.shape, 1e-3)
        for name, value in features.state_dict().items()
    }
    torch.save(state, tmp_path / "vgg.pth", _use_new_zipfile_serialization=False)
    weights.add("lpips-vgg", tmp_path / "vgg.pth")
    loss = lpips.vgg()
    loss.load("cpu")
    layers = loss.features(torch.zeros(1, 3, 64, 64))
    assert [layer.shape[1] for layer in layers] == [64, 128, 256, 512, 512]


def test_a_tiny_object_is_a_number_with_antialiasing_and_refused_without(
    trunk: Trunk, golden: dict[str, Tensor]
) -> None:
    trunk("alex")
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., :2, :2] = 1
    loss = loaded()
    values = loss(golden["in.out"], loss.prepare(golden["in.target"], mask))
    assert torch.isfinite(values).all()
    with pytest.raises(ValueError, match=r"vanishes at a layer of .*masked: eq7"):
        loaded(masked="eq7-plain").prepare(golden["in.target"], mask)


def test_dead_features_have_a_finite_gradient(trunk: Trunk) -> None:
    trunk("alex")
    loss = loaded()
    loss._model.net.slice1[0].bias.data.fill_(-1e3)
    images = torch.zeros(1, 3, 64, 64, requires_grad=True)
    target = torch.ones(1, 3, 64, 64)
    values = loss(images, loss.prepare(target, torch.ones(1, 1, 64, 64)))
    (gradient,) = torch.autograd.grad(values.sum(), images)
    assert torch.isfinite(gradient).all()


def test_small_images_need_an_explicit_resize(trunk: Trunk) -> None:
    trunk("alex")
    images, mask = torch.zeros(1, 3, 32, 32), torch.ones(1, 1, 32, 32)
    message = "lpips-alex needs at least 64 pixels, got 32 x 32; set resize: 64"
    with pytest.raises(ValueError, match=message):
        loaded().prepare(images, mask)
    resized = loaded(resize=64)
    assert resized(images + 0.5, resized.prepare(images, mask)).item() > 0
    assert resized.protocol["resize"] == "bilinear to 64 pixels"
    with pytest.raises(ValueError, match="resize of at least 64 pixels, got 32"):
        LPIPS(resize=32)


def test_resize_is_plain_bilinear_upwards(trunk: Trunk, golden: dict[str, Tensor]) -> None:
    trunk("alex")
    small = golden["in.out"][..., ::2, ::2].contiguous()
    large = torch.nn.functional.interpolate(small, (64, 64), mode="bilinear")
    for ours, plain in zip(
        loaded(resize=64).features(small), loaded().features(large), strict=True
    ):
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5)


def test_loading_draws_nothing_from_the_global_generator(trunk: Trunk) -> None:
    trunk("alex")
    before = torch.get_rng_state()
    loaded()
    assert torch.equal(before, torch.get_rng_state())


def test_the_protocol_names_the_file(trunk: Trunk) -> None:
    trunk("alex")
    assert "trunk" not in LPIPS().protocol["version"]
    assert "not the published file" in loaded().protocol["version"]


def test_missing_weights_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(files.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(weights.WeightsMissing, match="p2lbench weights fetch lpips-squeeze"):
        lpips.squeeze().load("cpu")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not a state dict", "cannot be read as a torch state dict"),
        ({"features.0.weight": torch.zeros(64, 3, 11, 11)}, "does not fit: 9 of"),
        ({"features.0.weight": torch.zeros(2, 3, 11, 11)}, "does not fit: 10 of"),
        ([1, 2], "does not fit"),
    ],
)
def test_a_file_that_is_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any, message: str
) -> None:
    monkeypatch.setenv(files.FOLDER_VARIABLE, str(tmp_path))
    file = tmp_path / "own.pth"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        torch.save(content, file)
    weights.add("lpips-alex", file)
    with pytest.raises(UserError, match=message):
        loaded()


def test_unloaded_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="load"):
        LPIPS().prepare(torch.zeros(1, 3, 64, 64), torch.ones(1, 1, 64, 64))
