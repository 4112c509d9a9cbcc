"""The embedded encoder: z of an image of `biggan-fmnist`, given the class vector.

Trained on the generator's own samples alone; class-conditional through its normalisation layers
(paper, appendix A; Bau et al., "Seeing What a GAN Cannot Generate", ICCV 2019).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CODE, HEAD = 10, 24
# Stride of a 3x3 convolution, and its output channels: 32x32, 16x16 twice, 8x8 twice, 4x4.
LAYERS = ((1, 24), (2, 40), (1, 40), (2, 56), (1, 56), (2, 56))


class ConditionalNorm(nn.Module):
    """Batch norm whose scale and shift are linear in the class code."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.affine = nn.Linear(CODE, 2 * channels)
        nn.init.zeros_(self.affine.bias)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """(n, c, h, w) and (n, CODE), to (n, c, h, w)."""
        scale, shift = self.affine(code)[:, :, None, None].chunk(2, dim=1)
        normed: Tensor = self.norm(x)
        return torch.addcmul(shift, normed, 1 + scale)


class Encoder(nn.Module):
    """Images (n, 3, 32, 32) in [-1, 1] and class vectors (n, c_dim), to z (n, z_dim).

    It sees the mean of the channels: the photos and the generator's samples are grey. The class
    vector passes through a code of ten numbers, as many as there are classes.
    """

    def __init__(self, z_dim: int = 64, c_dim: int = 64) -> None:
        super().__init__()
        self.code = nn.Linear(c_dim, CODE, bias=False)
        nn.init.orthogonal_(self.code.weight)
        self.convolutions, self.norms = nn.ModuleList(), nn.ModuleList()
        inputs = 1
        for stride, outputs in LAYERS:
            self.convolutions.append(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False))
            self.norms.append(ConditionalNorm(outputs))
            inputs = outputs
        self.reduce = nn.Conv2d(inputs, HEAD, 1)
        self.head = nn.Linear(HEAD * 16, z_dim)

    def forward(self, images: Tensor, c: Tensor) -> Tensor:
        """The expected z, (n, z_dim)."""
        x, code = images.mean(dim=1, keepdim=True), self.code(c)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = F.silu(norm(convolution(x), code))
        z: Tensor = self.head(F.silu(self.reduce(x)).flatten(1))
        return z


def blank() -> Encoder:
    """An encoder with weights yet to be set; torch's global stream is put back."""
    with torch.random.fork_rng(devices=[]):
        return Encoder()
