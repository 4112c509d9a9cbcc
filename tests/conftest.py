"""For all tests: one torch thread per process, as they run side by side, no calibrations, no
limits on a property's time, and a folder to be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

# How long an example takes is the machine's business.
settings.register_profile("p2lbench", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("p2lbench")
torch.set_num_threads(1)
os.environ["P2LBENCH_ESTIMATE"] = "off"


@pytest.fixture
def weights_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty weights folder and an empty torch hub cache."""
    monkeypatch.setenv("P2LBENCH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "weights"


@pytest.fixture
def where(tmp_path: Path) -> Path:
    """A results folder that is not there yet."""
    return tmp_path / "results" / "quick"
