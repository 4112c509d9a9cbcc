"""Every command of the README, run as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands() -> list[str]:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [re.sub(r"\s+#.*", "", line) for line in lines if line.strip()]


def shell(command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        shell=True,
        cwd=cwd,
        env={**os.environ, "PATH": path, "COLUMNS": "100", **environment},
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )


def test_no_command_is_left_out():
    known = ("make ", "pip install -e .", "p2lbench ")
    assert all(command.startswith(known) for command in commands())
    assert len(commands()) > 8


@pytest.mark.parametrize("command", [c for c in commands() if c.startswith("make ")])
def test_make_does_what_the_readme_says(command):
    """What would be run; running it here would be this very test suite."""
    done = shell(f"{command} --dry-run --always-make", ROOT)
    assert done.returncode == 0, done.stderr
    wanted = "p2lbench run quickstart" if "demo" in command else "-m pytest"
    assert wanted in done.stdout
    assert "tools/setup" in done.stdout


@pytest.mark.timeout(900)
def test_the_commands_in_order(tmp_path):
    (tmp_path / "sign_descent.py").write_text(blocks("python")[0], encoding="utf-8")
    # The README's commands are those of somebody in a checkout.
    photo = Path("suites", "images", "fmnist-displaced", "bag-1014.png")
    (tmp_path / photo.parent).mkdir(parents=True)
    shutil.copy(ROOT / photo, tmp_path / photo)
    outputs = {}
    for command in commands():
        if not command.startswith("p2lbench "):
            continue
        done = shell(command, tmp_path)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        outputs[command] = done.stdout
    folder = tmp_path / "results" / "quickstart"
    for name in ("results.db", "grid.png", "curves.png", "leaderboard.csv", "leaderboard.md"):
        assert (folder / name).stat().st_size > 0
    assert "nothing to do" in outputs["p2lbench run quickstart"]
    plugin = next(out for command, out in outputs.items() if "sign_descent.py" in command)
    assert "sign-descent" in plugin
    assert "adam" in plugin
    assert (tmp_path / "p2lbench-my-optimizer" / "pyproject.toml").is_file()


def test_the_plugin_is_about_twenty_lines():
    lines = [line for line in blocks("python")[0].splitlines() if line.strip()]
    assert len(lines) <= 20
