"""A suite that names the generator, run by the command, and again when its files have changed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

SUITE = """
name: decode
images: [photo.png]
generators:
  - diffusers: {folder: vae, size: 16}
optimizers:
  - adam: {steps: 3}
  - cma: {steps: 2}
candidates: 2
"""
CODE = """
import sys
from p2lbench.cli import main
sys.argv[1:] = ["run", "suite.yaml", "--executor", "inline", "--json"]
main()
"""


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    """`p2lbench run suite.yaml`."""
    words = [sys.executable, "-c", CODE]
    return subprocess.run(words, check=False, cwd=folder, capture_output=True, text=True)


def cells(folder: Path) -> dict[str, Any]:
    done = run(folder)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["cells"]
    return found


@pytest.fixture
def suite(kl: Path) -> Path:
    folder = kl.parent
    Image.linear_gradient("L").resize((16, 16)).convert("RGB").save(folder / "photo.png")
    (folder / "suite.yaml").write_text(SUITE)
    return folder


def test_it_runs_once_for_each_content_of_the_folder(suite: Path) -> None:
    file = suite / "vae" / "diffusion_pytorch_model.safetensors"
    assert [cells(suite)["cached"] for _ in range(2)] == [0, 2]
    save_file({name: value * 1.1 for name, value in load_file(file).items()}, file)
    changed = cells(suite)
    assert (changed["ok"], changed["cached"]) == (2, 0)


def test_a_folder_that_is_not_there_is_said_where_it_is_named(suite: Path) -> None:
    text = SUITE.replace("folder: vae", "folder: nowhere")
    (suite / "suite.yaml").write_text(text)
    done = run(suite)
    assert (done.returncode, done.stdout) == (2, "")
    assert "suite.yaml:5:25: generator 'diffusers'" in done.stderr
    assert "folder: expected config.json and" in done.stderr
