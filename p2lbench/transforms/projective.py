"""Turning and tilting, which the paper leaves as future work (its failure cases, Figure 9)."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from p2lbench.transforms.base import Transform
from p2lbench.transforms.resample import warped

if TYPE_CHECKING:
    from torch import Tensor


class Projective(Transform):
    """A homography whose inverse is that of -phi; the identity is phi = 0."""

    def __init__(self, low_pass: bool = True) -> None:
        """`low_pass`: filter an image where it shrinks, so that it does not alias."""
        self.low_pass = low_pass

    @abstractmethod
    def matrices(self, phi: Tensor, size: tuple[int, int]) -> Tensor:
        """(n, dim) phi → (n, 3, 3), from output to input coordinates on [-1, 1] (x, y, 1)."""

    def identity(self) -> Tensor:
        import torch

        return torch.zeros(self.dim)

    def apply(self, images: Tensor, phi: Tensor) -> Tensor:
        return self._warped(images, self.clamped(phi))

    def invert(self, images: Tensor, phi: Tensor) -> Tensor:
        return self._warped(images, -self.clamped(phi))

    def positions(self, points: Tensor, phi: Tensor, size: tuple[int, int]) -> Tensor:
        import torch

        lines = torch.cat([points, torch.ones_like(points[..., :1])], -1)
        found = lines @ self.matrices(-self.clamped(phi), size).mT
        return found[..., :2] / found[..., 2:]

    def gain(self, phi: Tensor) -> Tensor:
        return phi.new_ones(len(phi))

    def _warped(self, images: Tensor, phi: Tensor) -> Tensor:
        matrices = self.matrices(phi, (images.shape[2], images.shape[3]))
        outside = 0.0 if images.shape[1] == 1 else self.fill
        return warped(images, matrices, outside, self.low_pass)


class Rotation(Projective):
    """phi = [angle]: turns the content around the centre, counter-clockwise, in degrees."""

    dim = 1

    def __init__(self) -> None:
        super().__init__(low_pass=False)  # turning never shrinks

    @property
    def scale(self) -> tuple[float, ...]:
        return (45.0,)

    def matrices(self, phi: Tensor, size: tuple[int, int]) -> Tensor:
        import torch

        angle, ratio = phi[:, 0].deg2rad(), size[0] / size[1]
        zero, one = torch.zeros_like(angle), torch.ones_like(angle)
        rows = [
            [angle.cos(), -angle.sin() * ratio, zero],
            [angle.sin() / ratio, angle.cos(), zero],
            [zero, zero, one],
        ]
        return torch.stack([torch.stack(row, 1) for row in rows], 1)


class Perspective(Projective):
    """phi = [px, py]: the output at p = (x, y) is the input at p / (1 + px x + py y).

    A tilt around the vertical and the horizontal axis; the centre stays. Above 0 the right or
    the lower side is enlarged.
    """

    dim = 2
    limits = ((-0.4, 0.4), (-0.4, 0.4))

    @property
    def scale(self) -> tuple[float, ...]:
        return (0.5, 0.5)

    def matrices(self, phi: Tensor, size: tuple[int, int]) -> Tensor:
        import torch

        whole = torch.eye(3, dtype=phi.dtype, device=phi.device).repeat(len(phi), 1, 1)
        last = torch.cat([phi, torch.ones_like(phi[:, :1])], 1)[:, None]
        return torch.cat([whole[:, :2], last], 1)
