"""The environments that distributions are installed into."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest
from plugins.overlay import Overlay

import p2lbench
from p2lbench.scaffold import Scaffold


def test_it_sees_what_is_below_and_leaves_that_alone(tmp_path: Path) -> None:
    overlay = Overlay(tmp_path / "venv")
    overlay.install(Scaffold("on-top", "init").write(tmp_path), options="--no-deps")
    code = "import p2lbench, p2lbench_on_top as p; print(p2lbench.__file__, p.__file__)"
    below, on_top = overlay.run(f"python -c '{code}'").split()
    assert below == p2lbench.__file__
    assert on_top.startswith(str(tmp_path / "venv"))
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("p2lbench-on-top")


def test_a_command_that_fails_fails_the_test(tmp_path: Path) -> None:
    overlay = Overlay(tmp_path / "venv")
    with pytest.raises(AssertionError, match="No such command"):
        overlay.call("p2lbench --version", "p2lbench no-such-command")
    assert "p2lbench" in overlay.call("p2lbench --version", "p2lbench plugins list")
