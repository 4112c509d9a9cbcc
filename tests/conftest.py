"""For all tests: one torch thread per process, as they run side by side, no calibrations, no
limits on a property's time, which of them are slow, and a folder to be."""

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

# Files and folders that run suites, start processes or browsers, train, or try all optimizers.
SLOW = (
    "audit", "cli", "docs", "e2e", "estimate", "executors", "finetuning", "plugins", "reference",
    "scaffold", "zoo", "losses/test_losses_contract.py", "masks/test_validation.py",
    "optimizers/nevergrad", "optimizers/test_builtin.py", "optimizers/test_cma.py",
    "optimizers/test_fit.py", "report/experiment", "report/test_html_browser.py",
    "report/test_html_experiment.py", "report/test_paper.py", "report/test_shares.py",
    "testing/test_builtin_parts.py", "weights/test_own.py", "test_plugins.py", "test_project.py",
    "test_targets.py", "test_tune.py",
)  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all that is in these as slow."""
    folders = [Path(__file__).parent / name for name in SLOW]
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in folders):
            item.add_marker(pytest.mark.slow)


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
