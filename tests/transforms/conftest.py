"""The authors' numbers, and what the tests of transforms draw."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="session")
def golden() -> dict[str, Tensor]:
    return load_file(GOLDEN / "pix2latent_transforms.safetensors")


@pytest.fixture(scope="session")
def masks(golden: dict[str, Tensor]) -> dict[str, Tensor]:
    """name → (1, 1, 64, 64)."""
    facts = json.loads((GOLDEN / "pix2latent_transforms.json").read_text())
    values = golden["prealign.mask_x100_u8"].float() / 100
    return dict(zip(facts["prealign_mask_names"], values.split(1), strict=True))


@pytest.fixture(scope="session")
def photo() -> Tensor:
    """(1, 3, 24, 32), smooth, within [-1, 1]."""
    noise = torch.rand(1, 3, 6, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return torch.nn.functional.interpolate(noise, (24, 32), mode="bilinear", align_corners=False)
