"""Transforms one after another."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING

from p2lbench.transforms.base import Transform

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.generators.base import Generator


FREE = ((-inf, inf),)


class Composed(Transform):
    """Applied in order, inverted in reverse; phi is theirs side by side."""

    def __init__(self, parts: Sequence[Transform]) -> None:
        self.parts = tuple(parts)
        self.dim = sum(part.dim for part in parts)
        self.searched = any(part.searched for part in parts)
        self.limits = tuple(limit for part in parts for limit in part.limits or FREE * part.dim)

    @property
    def held(self) -> tuple[bool, ...]:
        return tuple(held for part in self.parts for held in part.held)

    @property
    def scale(self) -> tuple[float, ...]:
        return tuple(unit for part in self.parts for unit in part.scale)

    def identity(self) -> Tensor:
        import torch

        return torch.cat([part.identity() for part in self.parts])

    def initial(self, mask: Tensor, generator: Generator) -> Tensor:
        import torch

        return torch.cat([part.initial(mask, generator) for part in self.parts])

    def apply(self, images: Tensor, phi: Tensor) -> Tensor:
        for part, own in zip(self.parts, self._split(phi), strict=True):
            images = part.apply(images, own)
        return images

    def invert(self, images: Tensor, phi: Tensor) -> Tensor:
        for part, own in reversed([*zip(self.parts, self._split(phi), strict=True)]):
            images = part.invert(images, own)
        return images

    def positions(self, points: Tensor, phi: Tensor, size: tuple[int, int]) -> Tensor | None:
        found: Tensor | None = points
        for part, own in zip(self.parts, self._split(phi), strict=True):
            found = None if found is None else part.positions(found, own, size)
        return found

    def gain(self, phi: Tensor) -> Tensor | None:
        total: Tensor | None = phi.new_ones(len(phi))
        for part, own in zip(self.parts, self._split(phi), strict=True):
            factor = part.gain(own)
            total = None if total is None or factor is None else total * factor
        return total

    def _split(self, phi: Tensor) -> list[Tensor]:
        import torch

        return list(torch.split(phi, [part.dim for part in self.parts], dim=1))
