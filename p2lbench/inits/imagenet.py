"""The class of ImageNet that a photo shows: torchvision's ResNeXt-101 (32x8d).

Xie et al., Aggregated Residual Transformations for Deep Neural Networks, CVPR 2017; the paper
predicts classes by it, too. Its order of the classes is that of BigGAN-deep.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import ResNeXt101_32X8D_Weights, resnext101_32x8d

from p2lbench.weights.networks import fitted


class ImageNet(nn.Module):
    """A classifier of ImageNet behind the view that torchvision's weights were trained on: the
    shorter side resized to 256, the central 224 pixels of it, normalised colours."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.view = ResNeXt101_32X8D_Weights.IMAGENET1K_V1.transforms()

    def forward(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) in [-1, 1] to logits (n, 1000)."""
        logits: Tensor = self.network(self.view((images + 1) / 2))
        return logits


def load(path: Path) -> ImageNet:
    """The classifier with the weights of a file, frozen.

    Raises:
        UserError: the file is not torchvision's state dict of this network.
    """
    return ImageNet(fitted(network(), path, "ResNeXt-101 (32x8d)")).eval()


def network() -> nn.Module:
    """The network without memory: nothing is initialised at random."""
    with torch.device("meta"):
        found: nn.Module = resnext101_32x8d(weights=None)
    return found
