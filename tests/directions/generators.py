"""Generators whose directions are known."""

from __future__ import annotations

import torch
from torch import Tensor

from p2lbench.generators.base import Generator
from p2lbench.space import Variable

SIDE = 32


class Linear(Generator):
    """Pixels are a matrix product; the matrix has known singular vectors, in `right (d, d)`."""

    size = (4, 4)
    variables = (Variable("z", (6,)),)
    gains = torch.tensor([5.0, 3.0, 2.0, 1.0, 0.5, 0.2])

    def __init__(self) -> None:
        rng = torch.Generator().manual_seed(1)
        left = torch.linalg.qr(torch.randn(48, 6, generator=rng)).Q
        self.right = torch.linalg.qr(torch.randn(6, 6, generator=rng)).Q
        self.map = left * self.gains @ self.right.T

    def forward(self, **latents: Tensor) -> Tensor:
        return (latents["z"] @ self.map.T).view(-1, 3, 4, 4)


class Blob(Generator):
    """A bright spot: z is (its x, its y, the logarithm of its size to base 2, its brightness).

    One unit of z is a tenth of the image, or a half doubling.
    """

    size = (SIDE, SIDE)
    variables = (Variable("z", (4,), std=0.5, bound=4.0),)

    def forward(self, **latents: Tensor) -> Tensor:
        x, y, size, light = latents["z"][:, :, None, None].unbind(1)
        at = (torch.arange(SIDE) + 0.5) / SIDE - 0.5
        radius = 0.12 * (size / 2).exp2()
        far = (at - x / 10).square() + (at[:, None] - y / 10).square()
        spot = (1 + 0.1 * light) * (-far / (2 * radius**2)).exp()
        return (2 * spot - 1)[:, None].expand(-1, 3, -1, -1)


class Classy(Linear):
    """The linear one with three classes, which add to the pixels."""

    conditional = True
    classes = ("ankle boot", "bag", "coat")
    variables = (*Linear.variables, Variable("c", (2,), role="gradient"))
    vectors = torch.tensor([[0.0, 1.0], [2.0, 0.0], [-1.0, -1.0]])

    def embed(self, class_ids: Tensor) -> Tensor:
        return self.vectors[class_ids]

    def forward(self, **latents: Tensor) -> Tensor:
        made = super().forward(z=latents["z"])
        return made + latents["c"].sum(1)[:, None, None, None]
