"""Distances in the features of a frozen network: what LPIPS and percep share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from p2lbench.losses import masked
from p2lbench.losses.base import Loss, check

if TYPE_CHECKING:
    from torch import Tensor

Masked = Literal["eq7", "eq7-plain", "authors"]


class FeatureDistance(Loss):
    """Squared differences of normalised features, layer by layer (Huh et al. 2020, eq. 7).

    `prepare` runs the network once on the target and keeps its features and the mask of each
    layer; a call runs it on the images alone.

    `masking` says how the mask m enters:

    - `eq7`: resized down to each layer, antialiased; the layer's map is averaged over it.
    - `eq7-plain`: the same without antialiasing, to the letter of the paper's text. Small objects
      can fall between the samples of a coarse layer; that is refused, since the mean over nothing
      is not a number.
    - `authors`: each layer's map is resized up to the image and the sum of them averaged over m,
      as the authors' code does. Up to 4% from `eq7`.
    """

    masking: Masked = "eq7"

    @abstractmethod
    def features(self, images: Tensor) -> Sequence[Tensor]:
        """Normalised features of each layer: (n, 3, H, W) -> [(n, c, h, w), ...]."""

    @abstractmethod
    def weigh(self, layer: int, squares: Tensor) -> Tensor:
        """Combine a layer's squared differences over channels: (n, c, h, w) -> (n, 1, h, w)."""

    def prepare(self, targets: Tensor, masks: Tensor) -> Mapping[str, Tensor]:
        """The target's features and the mask of each layer, without gradient.

        Raises:
            RuntimeError: `load` has not been called.
            ValueError: the images are too small, or `eq7-plain` loses a mask.
        """
        import torch

        check(targets, masks, self.min_size)
        with torch.no_grad():
            features = self.features(targets)
        prepared = {f"feature{k}": feature for k, feature in enumerate(features)}
        if self.masking == "authors":
            return {**prepared, "mask": masks}
        for k, feature in enumerate(features):
            prepared[f"mask{k}"] = self._layer_mask(masks, feature)
        return prepared

    def _layer_mask(self, masks: Tensor, feature: Tensor) -> Tensor:
        height, width = feature.shape[-2:]
        small = masked.resize(masks, height, width, antialias=self.masking == "eq7")
        if bool((small.sum(dim=(1, 2, 3)) == 0).any()):
            raise ValueError(
                f"a mask vanishes at a layer of {height} x {width} without antialiasing: "
                "use masked: eq7"
            )
        return small

    def __call__(self, images: Tensor, prepared: Mapping[str, Tensor]) -> Tensor:
        """(n, 3, H, W) -> (n,)."""
        maps = [
            self.weigh(k, (feature - prepared[f"feature{k}"]).square())
            for k, feature in enumerate(self.features(images))
        ]
        if self.masking == "authors":
            return masked.mean(_upsampled(maps, prepared["mask"]), prepared["mask"])
        values = [masked.mean(layer, prepared[f"mask{k}"]) for k, layer in enumerate(maps)]
        return sum(values[1:], start=values[0])


def _upsampled(maps: Sequence[Tensor], masks: Tensor) -> Tensor:
    """The sum of all layers' maps at the mask's resolution, (n, 1, H, W)."""
    import torch.nn.functional as F

    size = masks.shape[-2:]
    large = [F.interpolate(m, size, mode="bilinear", align_corners=False) for m in maps]
    return sum(large[1:], start=large[0])
