"""What a worker must have for a task."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from audit.folders import HUNTER
from e2e.kit import written

from p2lbench import suite as suites
from p2lbench.errors import UserError
from p2lbench.executors.agreement import Agreement
from p2lbench.plan import Task, plan
from p2lbench.plugins import load


def test_points_are_scored_without_the_optimizer_that_found_them(tmp_path: Path) -> None:
    checked, plugins = suites.load(written(tmp_path, HUNTER, optimizers=["hunter"]))
    cell = next(iter(plan(checked, plugins).cells()))
    here = Agreement(load([tmp_path / "tiny.py"]).registry)
    search = Task(cell, np.zeros((8, 8, 3), np.uint8), None, (), 1.0)
    with pytest.raises(UserError, match="unknown optimizer 'hunter'"):
        here.identity(search)
    assert "tiny.py" in " ".join(here.identity(replace(search, latents=b"points")))
