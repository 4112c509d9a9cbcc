"""One run that the tests of fine-tuning read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from finetuning.nets import made


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("finetuning"))


@pytest.fixture
def folder(ran: Path, tmp_path: Path) -> Path:
    """A copy to write into."""
    shutil.copy(ran.parents[1] / "more.py", tmp_path)
    return Path(shutil.copytree(ran, tmp_path / "results" / ran.name))
