"""A perceptual distance that needs no download: the embedded classifiers' features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from p2lbench.losses.base import protocol
from p2lbench.losses.features import FeatureDistance, Masked

if TYPE_CHECKING:
    import torch
    from torch import Tensor

EPSILON = 1e-6
STAGES = 4  # of both classifiers


class Percep(FeatureDistance):
    """Distance in the features of a small embedded classifier; lower is better.

    Features of each stage are scaled to unit length over channels, half their squared differences
    summed over channels, averaged over the mask resized to the stage, and averaged over stages
    (so that beta = 10 weighs it about as the paper's weighs LPIPS: between unrelated photos it is
    about 0.8 where l1 is 1.5). The form is that of a feature distance without learnt weights; it
    was never calibrated on human judgements, and says nothing about images unlike those the
    classifier was trained on. Symmetric, smooth, 0 for equal images, at most 2.

    Args:
        network: the classifier's name, see `p2lbench.zoo`.
        masked: how the mask enters, see `FeatureDistance`.
    """

    min_size = 16

    def __init__(self, network: str = "percep-fmnist", masked: Masked = "eq7"):
        self.network, self.masking = network, masked
        self.weights = (network,)
        self._model: Any = None

    @property
    def protocol(self) -> Mapping[str, str]:
        """How the number comes about."""
        return protocol(
            network=self.weights[0],
            reduction=f"per image: mean over mask ({self.masking}) and stages of 1 - cosine",
            source="p2lbench; masked as in Huh et al. 2020, eq. 7",
        )

    def load(self, device: torch.device | str) -> None:
        """Read the classifier's weights, which come with the package."""
        if self._model is None:
            self._model = self._classifier().eval().requires_grad_(False)
        self._model.to(device)

    def _classifier(self) -> Any:
        from p2lbench import zoo

        return zoo.load_classifier(self.weights[0])

    def features(self, images: Tensor) -> Sequence[Tensor]:
        """The classifier's stages, scaled to unit length over channels."""
        if self._model is None:
            raise RuntimeError(f"{self.network}: call load(device) first")
        return [_unit(stage) for stage in self._model.features(images)]

    def weigh(self, layer: int, squares: Tensor) -> Tensor:
        """Half the sum over channels, which is 1 minus the cosine, as its share of the stages."""
        return squares.sum(dim=1, keepdim=True) / (2 * STAGES)


def fmnist(masked: Masked = "eq7") -> Percep:
    """The distance to optimise: the features of the class predictor's network."""
    return Percep("percep-fmnist", masked)


def fmnist_heldout(masked: Masked = "eq7") -> Percep:
    """The distance that nothing optimises: another architecture, another seed."""
    heldout = Percep("percep-fmnist-heldout", masked)
    heldout.objective = False
    return heldout


def _unit(features: Tensor) -> Tensor:
    """Epsilon inside the square root: smooth where all channels are 0, too."""
    squares = features.square().sum(dim=1, keepdim=True)
    return features / (squares + EPSILON).sqrt()
