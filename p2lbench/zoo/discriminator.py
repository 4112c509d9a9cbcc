"""The discriminator that the embedded generator was trained against. Not shipped.

Source: Miyato, Koyama, "cGANs with Projection Discriminator" (ICLR 2018) and Miyato et al.,
"Spectral Normalization for Generative Adversarial Networks" (ICLR 2018).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils import spectral_norm


class ProjectionDiscriminator(nn.Module):
    """Strided convolutions with spectral norm; the class enters by an inner product.

    forward: images (n, 3, 32, 32) in [-1, 1] and labels (n,) -> scores (n,), higher is real.
    """

    def __init__(self, width: int = 32, classes: int = 10) -> None:
        super().__init__()
        channels = (width, 2 * width, 4 * width, 8 * width)
        layers = [spectral_norm(nn.Conv2d(3, width, 3, padding=1)), nn.LeakyReLU(0.1)]
        for inputs, outputs in pairwise(channels):
            layers += [spectral_norm(nn.Conv2d(inputs, outputs, 4, 2, 1)), nn.LeakyReLU(0.1)]
        self.trunk = nn.Sequential(*layers)
        self.score = spectral_norm(nn.Linear(8 * width, 1))
        self.classes = spectral_norm(nn.Embedding(classes, 8 * width))

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        features = self.trunk(images).float().sum(dim=(2, 3))
        matched = (self.classes(labels) * features).sum(dim=1)
        score: Tensor = self.score(features).squeeze(1) + matched
        return score


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Hinge loss of the scores (n,) of real and generated images."""
    return torch.relu(1 - real).mean() + torch.relu(1 + fake).mean()


def generator_loss(fake: Tensor) -> Tensor:
    """Hinge loss's generator side: generated images should score high."""
    return -fake.mean()
