"""A projection moved along edits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from p2lbench.directions.direction import Edit
from p2lbench.projection import Projection

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Step:
    """One strength of one edit: the point where it led. `clamped`: how many of the numbers that it
    moved are at their bounds instead of where it asked for them, a share."""

    edit: Edit
    strength: float
    projection: Projection
    clamped: float


def walk(projection: Projection, edit: Edit, strengths: Sequence[float]) -> list[Step]:
    """The projection at every strength; points are kept within their bounds."""
    return [_step(projection, edit, strength) for strength in strengths]


def _step(projection: Projection, edit: Edit, strength: float) -> Step:
    asked = edit.moved(projection.latents, strength)
    there = projection.moved(asked)
    found, count = there.latents, sum(value.numel() for value in asked.values())
    off = sum(int(_differ(value, found[name]).sum()) for name, value in asked.items())
    return Step(edit, strength, there, off / max(count, 1))


def _differ(asked: Tensor, found: Tensor) -> Tensor:
    return (asked.to(found) - found).abs() > 1e-6
