"""The embedded generator's own samples, with the z and the class that made them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from p2lbench.generators.biggan.generator import BigGANFashionMNIST
from p2lbench.zoo import biggan

CHUNK = 128


@dataclass(frozen=True)
class Samples:
    """pixels (n, 32, 32) uint8, 0 is black; z (n, 64) float32; labels (n,) int64."""

    pixels: Tensor
    z: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


class Source:
    """The embedded generator as a source of samples."""

    def __init__(self) -> None:
        self._generator = BigGANFashionMNIST()
        self._generator.load("cpu")

    @property
    def vectors(self) -> Tensor:
        """The class vectors, (classes, 64)."""
        return self._generator.embed(torch.arange(len(self._generator.classes)))

    def draw(self, n: int, seed: int) -> Samples:
        """`n` samples at truncation 1, the classes in turn, z ~ N(0, 1) cut to [-2, 2]."""
        rng = torch.Generator().manual_seed(seed)
        labels = biggan.balanced_labels(n, len(self.vectors))
        z = biggan.truncated_noise(n, self.vectors.shape[1], 1.0, rng)
        picks = torch.split(torch.arange(n), CHUNK)
        pixels = [grey(self.images(z[chunk], self.vectors[labels[chunk]])) for chunk in picks]
        return Samples(torch.cat(pixels), z, labels)

    @torch.no_grad()
    def images(self, z: Tensor, c: Tensor) -> Tensor:
        """z (n, 64) and class vectors (n, 64), to images (n, 3, 32, 32) in [-1, 1]."""
        return self._generator.forward(z=z, c=c)


def grey(images: Tensor) -> Tensor:
    """(n, 3, h, w) in [-1, 1] as (n, h, w) uint8: the channels' mean, rounded as a file would."""
    return ((images.mean(dim=1) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
