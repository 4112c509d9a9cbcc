"""Pickles of networks whose names are made to take memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import officialpkl
import pytest
import torch
from officialpkl import Persistent

from p2lbench.errors import UserError
from p2lbench.generators.stylegan2.checkpoint import convert

LONG = "x" * 100_000


@pytest.fixture(autouse=True)
def memory() -> Iterator[None]:
    """Reading takes little more than the file has."""
    tracemalloc.start()
    yield
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 20_000_000


def refused(module: Persistent, path: Path) -> None:
    path.write_bytes(officialpkl.dumps({"G_ema": module}))
    with pytest.raises(UserError, match=r"x\.pkl cannot be used: a module with a name that is"):
        convert(path)


def test_long_names_of_modules_are_not_put_together(tmp_path: Path) -> None:
    """One text, remembered, may be the name of thousands of modules, each with a prefix."""
    whole, inner = Persistent("Generator"), Persistent("Layer")
    for _ in range(300):
        outer = Persistent("Layer")
        outer.attributes["_modules"][LONG] = inner
        whole.attributes["_modules"][f"a{len(whole.attributes['_modules'])}"] = outer
    refused(whole, tmp_path / "x.pkl")


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_long_names_of_tensors_are_not_put_together(tmp_path: Path) -> None:
    whole = Persistent("Generator")
    for i in range(300):
        part = Persistent("Layer")
        part.attributes["_buffers"][LONG] = torch.ones(1)
        whole.attributes["_modules"][f"a{i}"] = part
    refused(whole, tmp_path / "x.pkl")
