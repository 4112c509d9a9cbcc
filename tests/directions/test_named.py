"""Learnt directions that are kept."""

from __future__ import annotations

from pathlib import Path

from e2e.kit import TINY

from p2lbench.directions.named import Directions
from p2lbench.directions.steer import Learning
from p2lbench.models import Models
from p2lbench.plugins import load
from p2lbench.spec import Spec

TINY_SPEC = Spec("generators", "tiny")


def learnt(where: Path, code: str) -> int:
    """How many learnt directions are kept after one was asked for."""
    (where / "tiny.py").write_text(code)
    registry = load([where / "tiny.py"]).registry
    generator = Models(registry, "cpu").get(TINY_SPEC)
    how = Learning(steps=1)
    Directions(generator, TINY_SPEC, registry, "cpu", where / "kept", how).learnt("shift-x")
    return len(list((where / "kept").iterdir()))


def test_those_of_other_code_are_not_taken(tmp_path: Path) -> None:
    assert [learnt(tmp_path, TINY), learnt(tmp_path, TINY)] == [1, 1]
    assert learnt(tmp_path, TINY.replace("mul(0.3)", "mul(0.1)")) == 2
