"""LPIPS through the `lpips` package, with the published weights and a mask."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import pickle
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from p2lbench import weights
from p2lbench.errors import UserError
from p2lbench.losses.base import protocol
from p2lbench.losses.features import FeatureDistance, Masked

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Net = Literal["alex", "vgg", "squeeze"]
SMALLEST = 64
_TRUNKS = {
    "alex": "krizhevsky2012imagenet",
    "vgg": "simonyan2015very",
    "squeeze": "iandola2016squeezenet",
}


class LPIPS(FeatureDistance):
    """Learned perceptual image patch similarity, version 0.1; lower is better.

    With a mask of ones it is the package's own number to the bit.

    Args:
        net: the trunk.
        masked: how the mask enters, see `FeatureDistance`.
        resize: side in pixels to which images are first resized, bilinear. LPIPS was calibrated
            on patches of 64 pixels, and smaller images are refused unless this says otherwise:
            AlexNet would run from 31 pixels on, but its last three layers see a single position.

    Source: Zhang et al., The unreasonable effectiveness of deep features as a perceptual metric,
    CVPR 2018; masks: Huh et al. 2020, eq. 7.
    """

    def __init__(self, net: Net = "alex", masked: Masked = "eq7", resize: int | None = None):
        if resize is not None and resize < SMALLEST:
            raise ValueError(f"expected resize of at least {SMALLEST} pixels, got {resize}")
        self.net, self.masking, self.resize = net, masked, resize
        self.network = f"lpips-{net}"
        self.weights = (self.network,)
        self.cites = ("zhang2018unreasonable", _TRUNKS[net])
        self.min_size = SMALLEST if resize is None else 1
        self._model: Any = None
        self._trunk: weights.Located | None = None

    @property
    def protocol(self) -> Mapping[str, str]:
        """How the number comes about; names the trunk's file once it is loaded."""
        trunk = self._trunk
        file = "" if trunk is None else f", trunk {trunk.described}"
        resize = "none" if self.resize is None else f"bilinear to {self.resize} pixels"
        return protocol(
            resize=resize,
            network=self.weights[0],
            version=f"lpips {importlib.metadata.version('lpips')}, weights v0.1{file}",
            reduction=f"per image: spatial mean over the mask ({self.masking}), sum over layers",
            source="Zhang et al. 2018; masked as in Huh et al. 2020, eq. 7",
        )

    def load(self, device: torch.device | str) -> None:
        """Read the trunk's file and the package's linear weights. Never downloads.

        Raises:
            WeightsMissing: the trunk's file is not on this machine.
            UserError: the file is not what it should be.
        """
        if self._model is None:
            self._trunk = weights.locate(self.weights[0])
            self._model = _build(self.net, self._trunk.path)
        self._model.to(device)

    def prepare(self, targets: Tensor, masks: Tensor) -> Mapping[str, Tensor]:
        """The target's features and the mask of each layer.

        Raises:
            ValueError: the images are too small and `resize` is not set.
        """
        if min(targets.shape[-2:]) < self.min_size:
            raise ValueError(
                f"{self.network} needs at least {self.min_size} pixels, "
                f"got {targets.shape[-2]} x {targets.shape[-1]}; set resize: {self.min_size}"
            )
        return super().prepare(targets, masks)

    def features(self, images: Tensor) -> Sequence[Tensor]:
        """The trunk's layers, scaled to unit length over channels."""
        if self._model is None:
            raise RuntimeError(f"{self.network}: call load(device) first")
        layers = self._model.net(self._model.scaling_layer(self._resized(images)))
        return [_unit(layer) for layer in layers]

    def weigh(self, layer: int, squares: Tensor) -> Tensor:
        """The package's linear weights."""
        weighed: Tensor = self._model.lins[layer](squares)
        return weighed

    def _resized(self, images: Tensor) -> Tensor:
        import torch.nn.functional as F

        if self.resize is None:
            return images
        size = (self.resize, self.resize)
        return F.interpolate(images, size, mode="bilinear", align_corners=False, antialias=True)


def alex(masked: Masked = "eq7", resize: int | None = None) -> LPIPS:
    """LPIPS with AlexNet, the paper's objective. Options as for `LPIPS`."""
    return LPIPS("alex", masked, resize)


def vgg(masked: Masked = "eq7", resize: int | None = None) -> LPIPS:
    """LPIPS with VGG-16. Options as for `LPIPS`."""
    return LPIPS("vgg", masked, resize)


def squeeze(masked: Masked = "eq7", resize: int | None = None) -> LPIPS:
    """LPIPS with SqueezeNet 1.1. Options as for `LPIPS`."""
    return LPIPS("squeeze", masked, resize)


def _unit(features: Tensor) -> Tensor:
    """Features divided by their length over channels, in the package's order of operations.

    Where all channels are 0 the root's slope is infinite; no NaN comes of it, because the ReLU
    before it passes nothing back there.
    """
    length = (features**2).sum(dim=1, keepdim=True).sqrt()
    return features / (length + 1e-10)


def _build(net: Net, trunk: Path) -> Any:
    """The package's module with its weights, frozen and in evaluation mode.

    It is laid out without memory first: initialising the trunk would take seconds for VGG, draw
    from the global random generator and be overwritten at once.
    """
    import torch

    with warnings.catch_warnings():
        # lpips 0.1.4 still passes torchvision's old argument.
        warnings.filterwarnings("ignore", "The parameter 'pretrained' is deprecated", UserWarning)
        warnings.filterwarnings("ignore", "Arguments other than a weight enum", UserWarning)
        import lpips

        with torch.device("meta"):
            model = lpips.LPIPS(net=net, pnet_rand=True, pretrained=False, verbose=False)
    state = {name: value for name, value in model.state_dict().items() if not value.is_meta}
    state |= _linear(net) | _trunk_state(trunk, model)
    _assign(model, state, trunk)
    return model.eval().requires_grad_(False)


def _linear(net: Net) -> dict[str, Tensor]:
    """The linear weights that ship with the package, under both names it gives them."""
    import torch

    source = importlib.resources.files("lpips") / "weights" / "v0.1" / f"{net}.pth"
    with importlib.resources.as_file(source) as path:
        state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    again = {f"lins.{name.removeprefix('lin')}": value for name, value in state.items()}
    return state | again


def _trunk_state(path: Path, model: torch.nn.Module) -> dict[str, Tensor]:
    """torchvision's `features.<i>.<name>` as the package's `net.slice<k>.<i>.<name>`.

    Raises:
        UserError: the file is not a torch state dict.
    """
    import torch

    try:
        # Files in the zip format are mapped, so that the classifier's 200 MB are never read.
        state = torch.load(
            path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path)
        )
    except (RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise UserError(f"{path} cannot be read as a torch state dict: {error}") from error
    found: dict[str, Tensor] = {}
    if not isinstance(state, Mapping):
        return found
    for name in model.state_dict():
        part, _, rest = name.partition(".slice")
        source = f"features.{rest.partition('.')[2]}"
        if part == "net" and source in state:
            found[name] = state[source].clone()
    return found


def _assign(model: torch.nn.Module, state: dict[str, Tensor], path: Path) -> None:
    expected = model.state_dict()
    wrong = [
        name
        for name, value in expected.items()
        if name not in state or state[name].shape != value.shape
    ]
    if wrong:
        raise UserError(
            f"{path} does not fit: {len(wrong)} of {len(expected)} tensors are missing or of "
            f"another shape, the first {wrong[0]}; expected torchvision's state dict"
        )
    model.load_state_dict(state, assign=True)
