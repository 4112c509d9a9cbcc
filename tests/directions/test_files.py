"""Files of directions: of one generator, and read with care."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from directions.generators import Blob
from safetensors.torch import save

from p2lbench.directions.direction import Direction
from p2lbench.directions.files import TOLD, Made, content, is_ours, read
from p2lbench.errors import UserError
from p2lbench.sample import MADE_BY

OURS = Made("a" * 64, {"name": "blob"}, {"steps": 3})
SHIFT = Direction("shift-x", "widths", (-0.2, 0.2, 5), {"z": torch.tensor([10.0, 0, 0, 0.5])})


def kept(folder: Path, data: bytes | None = None) -> Path:
    path = folder / "d.safetensors"
    path.write_bytes(content([SHIFT], OURS) if data is None else data)
    return path


def test_there_and_back(tmp_path: Path) -> None:
    found = read(kept(tmp_path), "shift-x", Blob(), OURS.generator)
    assert found == SHIFT
    assert found.vectors["z"].equal(SHIFT.vectors["z"])
    assert is_ours(tmp_path / "d.safetensors")


def test_of_another_generator(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r'd.safetensors: directions of {"name": "blob"}: not of'):
        read(kept(tmp_path), "shift-x", Blob(), "b" * 64)


def test_no_such_direction(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no direction 'shift'. Did you mean 'shift-x'"):
        read(kept(tmp_path), "shift", Blob(), OURS.generator)


TELLS = {"shift-x": {"unit": "widths", "strengths": [-1, 1, 5]}}


@pytest.mark.parametrize(
    ("tensor", "told"),
    [
        (torch.zeros(3), TELLS),
        (torch.full((4,), torch.nan), TELLS),
        (torch.zeros(4), [1]),
        (torch.zeros(4), {"shift-x": {"unit": "widths", "strengths": ["a", 1, 5]}}),
        (torch.zeros(4), {"shift-x": {"strengths": [-1, 1, 1e400]}}),
        (torch.zeros(4), {"shift-x": None}),
    ],
)
def test_files_that_are_wrong(tmp_path: Path, tensor: torch.Tensor, told: Any) -> None:
    metadata = {MADE_BY: OURS.generator, TOLD: json.dumps(told)}
    path = kept(tmp_path, save({"shift-x/z": tensor}, metadata))
    with pytest.raises(UserError, match=r"no direction|not a file that p2lbench directions wrote"):
        read(path, "shift-x", Blob(), OURS.generator)


@pytest.mark.parametrize("data", [b"", b"not safetensors", b"\xff" * 100])
def test_no_file_of_directions(tmp_path: Path, data: bytes) -> None:
    path = kept(tmp_path, data)
    with pytest.raises(UserError, match="not a file of directions"):
        read(path, "shift-x", Blob(), OURS.generator)
    assert not is_ours(path)
    with pytest.raises(UserError, match="cannot be read"):
        read(tmp_path / "none", "shift-x", Blob(), OURS.generator)
