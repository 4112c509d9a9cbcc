"""What `p2lbench plugins new` writes installs, passes its tests and the kit's, and runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from e2e.kit import called
from plugins.overlay import Overlay

from p2lbench.scaffold import SUMMARIES, Scaffold

ROOT = Path(__file__).parents[2]
NAMES = {variant: f"my-{variant}" for variant in SUMMARIES}


def written(folder: Path) -> dict[str, Path]:
    """A distribution of every variant."""
    return {name: Scaffold(name, variant).write(folder) for variant, name in NAMES.items()}


@pytest.mark.timeout(600)
def test_every_kind_installs_and_passes(tmp_path: Path) -> None:
    """Together, in few processes; the optimizer by gradient is for the test below."""
    folders = written(tmp_path)
    del folders["my-optimizer"]
    overlay = Overlay(tmp_path / "venv")
    overlay.install(*folders.values(), options="--no-deps")
    listed = overlay.call("p2lbench plugins list --json")
    for folder in folders.values():
        assert f'"origin": "{folder.name} 0.1.0"' in listed
    tests = " ".join(f"{folder.name}/tests" for folder in folders.values())
    overlay.run(f"pytest -q -W error --import-mode=importlib {tests}", cwd=tmp_path)
    overlay.call(*(f"p2lbench plugins check {folder.name}" for folder in folders.values()))
    runs = [f"p2lbench run {folder.name}/try.yaml --executor inline" for folder in folders.values()]
    boards = overlay.call(*runs, cwd=tmp_path)
    for name in folders:
        assert f"try-{name}" in boards


@pytest.mark.timeout(600)
def test_the_commands_that_it_names(tmp_path: Path) -> None:
    words = ("plugins", "new", "momentum", "--kind", "optimizer", "--into", tmp_path, "--json")
    told = called(*words).json
    overlay = Overlay(tmp_path / "venv")
    enter, install, *others = told["next"]
    overlay.run(f"{enter} && {install} --no-build-isolation && {' && '.join(others)}")
    assert (tmp_path / "p2lbench-momentum/results/try-momentum/leaderboard.csv").is_file()


def test_the_types_are_right(tmp_path: Path) -> None:
    folders = written(tmp_path)
    two = {f"my-{variant}" for variant in SUMMARIES if variant.startswith("optimizer-")}
    for names in (folders.keys() - two, two):  # two modules of one name would be an error
        done = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", *(folders[name] for name in sorted(names))],
            cwd=tmp_path,
            env={**os.environ, "MYPYPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
