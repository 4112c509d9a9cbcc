"""The classifier of ImageNet: what it is shown, weights that are missing or others, a real one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.transforms.functional import to_tensor

from p2lbench import weights
from p2lbench.errors import Skip, UserError
from p2lbench.inits import imagenet
from p2lbench.inits.classes import Predicted
from p2lbench.weights import WeightsMissing

MEAN, STD = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("P2LBENCH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))


class Small(nn.Module):
    """A thousand classes of the mean colour."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 1000)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        assert images.shape[1:] == (3, 224, 224)
        logits: torch.Tensor = self.fc(images.mean(dim=(2, 3)))
        return logits


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Callable[[], nn.Module]:
    def network() -> nn.Module:
        with torch.device("meta"):
            return Small()

    monkeypatch.setattr(imagenet, "network", network)
    return network


def photo(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("size", [(256, 256), (512, 512), (600, 400), (300, 500)])
def test_it_is_shown_what_torchvisions_weights_are_used_to(size: tuple[int, int]) -> None:
    image = photo(*size)
    scale = 256 / min(size)
    shown = image.resize((int(size[0] * scale), int(size[1] * scale)), Image.Resampling.BILINEAR)
    left, top = (round((length - 224) / 2) for length in shown.size)
    expected = (to_tensor(shown.crop((left, top, left + 224, top + 224))) - MEAN) / STD
    found = imagenet.ImageNet(nn.Identity())(to_tensor(image)[None] * 2 - 1)
    torch.testing.assert_close(found[0], expected, rtol=0, atol=0.02)  # a grey level is 0.017


def add(tmp_path: Path, state: Any) -> None:
    torch.save(state, tmp_path / "net.pth")
    weights.add("resnext101", tmp_path / "net.pth")


def generator(classes: int = 1000) -> Any:
    def embed(ids: torch.Tensor) -> torch.Tensor:
        return ids.float()[:, None]

    names = tuple(map(str, range(classes)))
    return SimpleNamespace(conditional=True, classes=names, embed=embed)


def predicted(init: Predicted, target: torch.Tensor, classes: int = 1000) -> float:
    rng = np.random.default_rng(0)
    mean, deviation = init.distribution(target, target[:, :1], generator(classes), rng)["c"]
    assert deviation == 0
    return float(mean)


def test_the_init_starts_at_the_class_of_highest_logit(
    small: Callable[[], nn.Module], tmp_path: Path
) -> None:
    weight, bias = torch.zeros(1000, 3), torch.zeros(1000)
    weight[207, 0], weight[340, 2] = 1.0, 1.0  # reddish: golden retriever; bluish: zebra
    add(tmp_path, {"fc.weight": weight, "fc.bias": bias})
    init = Predicted("resnext101")
    init.load("cpu")
    red, blue = torch.full((1, 3, 128, 128), -1.0), torch.full((1, 3, 128, 128), -1.0)
    red[:, 0], blue[:, 2] = 1.0, 1.0
    assert [predicted(init, image) for image in (red, blue)] == [207, 340]
    with pytest.raises(Skip, match="'resnext101' knows 1000 classes, the generator 10"):
        predicted(init, red, 10)


def test_without_weights_it_says_what_to_fetch() -> None:
    init = Predicted("resnext101")
    assert init.weights == ("resnext101",)
    with pytest.raises(WeightsMissing, match="p2lbench weights fetch resnext101"):
        init.load("cpu")


def test_another_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"^classifier: expected one of percep-fmnist, .*resnext"):
        Predicted("lpips-alex")


def test_files_that_are_not_the_network(small: Callable[[], nn.Module], tmp_path: Path) -> None:
    (tmp_path / "text.pth").write_text("no weights")
    torch.save({"fc.weight": torch.zeros(1)}, tmp_path / "other.pth")
    for name, said in (("text", "cannot be read as"), ("other", r"does not fit ResNeXt-101")):
        with pytest.raises(UserError, match=rf"{name}\.pth {said}"):
            imagenet.load(tmp_path / f"{name}.pth")


def test_the_layout_is_torchvisions_and_takes_no_random_numbers() -> None:
    before = torch.random.get_rng_state()
    found = imagenet.network()
    assert sum(p.numel() for p in found.parameters()) == 88_791_336
    assert all(p.is_meta for p in found.parameters())
    assert torch.random.get_rng_state().equal(before)


@pytest.mark.slow
def test_the_real_network_reads_torchvisions_file(tmp_path: Path) -> None:
    drawn = torch.Generator().manual_seed(0)
    state = {}
    for name, value in imagenet.network().state_dict().items():
        if name.endswith("num_batches_tracked"):  # older files have none
            continue
        scale = (2 / max(1, value[0].numel())) ** 0.5 if value.ndim > 1 else 0.0
        state[name] = torch.randn(value.shape, generator=drawn) * scale
        if name.endswith("running_var") or (name.endswith("weight") and value.ndim == 1):
            state[name] = torch.ones(value.shape)
    state["fc.weight"][:], state["fc.bias"][417] = 0.0, 1.0
    add(tmp_path, state)
    init = Predicted("resnext101")
    init.load("cpu")
    assert predicted(init, torch.zeros(1, 3, 256, 256)) == 417
