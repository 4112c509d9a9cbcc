"""Two small Fashion-MNIST classifiers, as class predictors and trunks of perceptual distances.

They take three channels rather than the mean of them, so that an error in colour is seen. The
photos are grey: training moves the first layer along grey alone, and its response to colour
differences stays what initialisation made it (it is kept out of weight decay for that reason).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Classifier(nn.Module):
    """A trunk of stages with decreasing resolution, average pooling and a linear layer.

    Images are (n, 3, h, w) in [-1, 1], h and w at least 16; trained at 32.
    """

    def __init__(self, stages: list[nn.Module], channels: int, classes: int = 10) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.head = nn.Linear(channels, classes)

    def features(self, images: Tensor) -> list[Tensor]:
        """The four stages' outputs, (n, c_k, h / 2^k, w / 2^k) for k = 0..3, after activation.

        Smooth in `images`; no later operation overwrites them.
        """
        outputs = []
        x = images
        for stage in self.stages:
            x = stage(x)
            outputs.append(x)
        return outputs

    def embedding(self, images: Tensor) -> Tensor:
        """The penultimate features: the last stage averaged over space, (n, c_3)."""
        return self.features(images)[-1].mean(dim=(2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """Class logits, (n, 10)."""
        logits: Tensor = self.head(self.embedding(images))
        return logits


class FashionNet(Classifier):
    """Plain 3x3 convolutions with batch norm and SiLU, average pooling in between.

    Class predictor and trunk of `percep-fmnist`.
    """

    def __init__(self) -> None:
        super().__init__(
            [
                _plain(3, 24),
                nn.Sequential(nn.AvgPool2d(2), _plain(24, 48), _plain(48, 48)),
                nn.Sequential(nn.AvgPool2d(2), _plain(48, 96), _plain(96, 96)),
                nn.Sequential(nn.AvgPool2d(2), _plain(96, 128)),
            ],
            channels=128,
        )


class FashionNetHeldout(Classifier):
    """Residual blocks with group norm and GELU, strided convolutions in between.

    Trunk of `percep-fmnist-heldout`, a distance that nothing optimises.
    """

    def __init__(self) -> None:
        super().__init__(
            [
                nn.Sequential(nn.Conv2d(3, 16, 5, padding=2), nn.GELU()),
                nn.Sequential(nn.Conv2d(16, 32, 3, 2, 1), Residual(32)),
                nn.Sequential(nn.Conv2d(32, 64, 3, 2, 1), Residual(64)),
                nn.Sequential(nn.Conv2d(64, 80, 3, 2, 1), Residual(80)),
            ],
            channels=80,
        )


class Residual(nn.Module):
    """Two normalised 3x3 convolutions beside an identity, and GELU after the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.GroupNorm(8, channels),
            nn.GELU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.GroupNorm(8, channels),
            nn.GELU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, c, h, w)."""
        return F.gelu(x + self.branch(x))


def _plain(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.SiLU()
    )


def blank(name: str) -> Classifier:
    """The classifier of this name with weights yet to be set; torch's global stream is put back."""
    with torch.random.fork_rng(devices=[]):
        return ARCHITECTURES[name]()


ARCHITECTURES: dict[str, Callable[[], Classifier]] = {
    "percep-fmnist": FashionNet,
    "percep-fmnist-heldout": FashionNetHeldout,
}
