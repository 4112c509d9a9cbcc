"""The set-up script says what to do where it cannot go on."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SETUP = Path(__file__).parents[1] / "tools" / "setup"
OLD = 'if [ "$1" = --version ]; then echo "Python 3.9.2"; else exit 1; fi'
NO_VENV = 'case "$2" in *ensurepip*) exit 1;; *) exit 0;; esac'


@pytest.mark.parametrize(
    ("interpreter", "said"),
    [
        (OLD, ["expected Python 3.11 or newer", "Python 3.9.2", "apt-get install"]),
        (NO_VENV, ["has no venv module", "apt-get install python3-venv"]),
        (None, ["expected Python 3.11 or newer", "is not there"]),
    ],
    ids=["too-old", "no-venv", "none"],
)
def test_a_python_that_will_not_do(tmp_path: Path, interpreter: str | None, said: list[str]):
    programs = tmp_path / "bin"
    programs.mkdir()
    if interpreter is not None:
        python = programs / "python3"
        python.write_text(f"#!/bin/sh\n{interpreter}\n")
        python.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", str(SETUP), str(tmp_path / "venv")],
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    for words in said:
        assert words in done.stderr
    assert not (tmp_path / "venv").exists()


def test_a_python_named_by_hand_is_the_one_that_is_judged(tmp_path: Path):
    python = tmp_path / "mine"
    python.write_text(f"#!/bin/sh\n{OLD}\n")
    python.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", str(SETUP), str(tmp_path / "venv")],
        env={"PATH": "/usr/bin:/bin", "PYTHON": str(python)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "Python 3.9.2" in done.stderr
