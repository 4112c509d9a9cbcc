"""Files that are put into torchvision's networks: what fits, what does not, what is damaged."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from p2lbench.errors import UserError
from p2lbench.weights.networks import fitted

STATE = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).state_dict()


def fit(path: Path) -> nn.Module:
    with torch.device("meta"):
        network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    return fitted(network, path, "the network")


@pytest.mark.parametrize("kind", [torch.float16, torch.float32, torch.float64])
def test_a_network_is_float32_frozen_and_in_evaluation_mode(
    kind: torch.dtype, tmp_path: Path
) -> None:
    state = {k: v.to(kind) if v.is_floating_point() else v for k, v in STATE.items()}
    torch.save(state, tmp_path / "x.pth")
    network = fit(tmp_path / "x.pth")
    assert network(torch.ones(2, 3)).dtype == torch.float32
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("state", [{**STATE, 1: torch.ones(1)}, [1], {**STATE, "0.bias": 1.0}])
def test_what_does_not_fit_is_said(state: Any, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(UserError, match=r"x\.pth does not fit the network"):
        fit(tmp_path / "x.pth")


@pytest.mark.filterwarnings("ignore")  # torch's, of what it half recognises
@pytest.mark.parametrize("new", [True, False])
def test_damage_of_any_kind_is_said(new: bool, tmp_path: Path) -> None:
    file = tmp_path / "x.pth"
    torch.save(STATE, file, _use_new_zipfile_serialization=new)
    whole, rng = file.read_bytes(), random.Random(0)
    for _ in range(200):
        changed = bytearray(whole[: rng.randrange(len(whole) // 2, len(whole))])
        changed[rng.randrange(len(changed))] = rng.randrange(256)
        file.write_bytes(changed)
        with pytest.raises(UserError, match=r"x\.pth (cannot be read|does not fit)"):
            fit(file)
