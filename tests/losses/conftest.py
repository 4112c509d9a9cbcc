"""A catalogue folder with a random AlexNet trunk, put there as a user would put their own file."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lpips
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from p2lbench import weights as catalogue
from p2lbench.weights.files import FOLDER_VARIABLE

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="session")
def golden() -> dict[str, Tensor]:
    return load_file(GOLDEN / "pix2latent_losses.safetensors")


@pytest.fixture(scope="session")
def golden_facts() -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((GOLDEN / "pix2latent_losses.json").read_text())
    return facts


@pytest.fixture(scope="session")
def package() -> Callable[[str], Any]:
    """The lpips package's module with the published linear weights and a random trunk."""
    built: dict[str, Any] = {}

    def build(net: str) -> Any:
        if net not in built:
            with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # lpips uses an old argument
                torch.manual_seed(0)
                built[net] = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
        return built[net]

    return build


@pytest.fixture(scope="session")
def catalogue_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


@pytest.fixture
def trunk(
    catalogue_folder: Path, package: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """Make the package's random trunk of a net the file in the weights folder."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(catalogue_folder))
    monkeypatch.setenv("TORCH_HOME", str(catalogue_folder / "none"))

    def provide(net: str) -> None:
        file = catalogue_folder / f"random-{net}.pth"
        if not file.is_file():
            torch.save(_torchvision_names(package(net).state_dict()), file)
            catalogue.add(f"lpips-{net}", file)

    return provide


def _torchvision_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """net.slice2.3.weight -> features.3.weight."""
    return {
        "features." + name.split(".", 2)[2]: value
        for name, value in state.items()
        if name.startswith("net.")
    }
