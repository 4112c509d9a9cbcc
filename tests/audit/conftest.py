"""One run that the tests of audits tamper with copies of."""

from __future__ import annotations

from pathlib import Path

import pytest
from audit.folders import copied, made


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("audit"))


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy of its own; the plugin is where `verified` looks."""
    (tmp_path / "tiny.py").write_bytes((original.parents[1] / "tiny.py").read_bytes())
    return copied(original, tmp_path / "results")
