"""The object that Mask R-CNN is surest of: torchvision's network, trained on COCO.

He et al., Mask R-CNN, ICCV 2017; the paper finds its objects by one, too (section 3.3).
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from p2lbench import weights
from p2lbench.errors import UserError, did_you_mean
from p2lbench.images import Pixels
from p2lbench.masks.detect import Found
from p2lbench.masks.kinds import Detected
from p2lbench.weights.networks import fitted

if TYPE_CHECKING:
    import torch

NAME = "mask-rcnn"
LONGEST = 800  # pixels of the longer side; a hundred masks of that size have 256 MB
ANCHORS = ((32,), (64,), (128,), (256,), (512,))
RATIOS = ((0.5, 1.0, 2.0),) * len(ANCHORS)


def version() -> dict[str, str]:
    """The weights' hash, torchvision's version and this module's.

    Raises:
        WeightsMissing: the weights are not on this machine.
    """
    own = {"weights": weights.locate(NAME).sha256, "procedure": "1"}
    return {**own, "torchvision": importlib.metadata.version("torchvision")}


def detect(pixels: Pixels, wanted: Detected) -> Found:
    """The mask (H, W) of the object of highest score, or of the highest with a label.

    Raises:
        UserError: there is no such label, or no object of the threshold's score.
    """
    import torch

    names = _names()
    if wanted.label is not None and wanted.label not in names:
        close = did_you_mean(wanted.label, names)
        message = f"{NAME}: COCO has no label '{wanted.label}'.{close}"
        raise UserError(f"{message} It has, for example: person, cat, dog, car, handbag")
    model = load(weights.locate(NAME).path)
    with torch.no_grad():
        (found,) = model([torch.from_numpy(_small(pixels)).permute(2, 0, 1)])
    labels = [names[number] for number in found["labels"].tolist()]
    index = choose(labels, found["scores"].tolist(), wanted)
    share = Image.fromarray(found["masks"][index, 0].numpy())
    full = share.resize((pixels.shape[1], pixels.shape[0]), Image.Resampling.BILINEAR)
    mask: Found = np.asarray(full) > 0.5
    if not mask.any():
        raise UserError(f"{NAME}: its '{labels[index]}' covers no pixel; give another mask")
    return mask


def choose(labels: Sequence[str], scores: Sequence[float], wanted: Detected) -> int:
    """Which of several objects is meant.

    Raises:
        UserError: none, with the best of those that do not count.
    """
    ranked = sorted(range(len(scores)), key=lambda number: -scores[number])
    of_label = [n for n in ranked if wanted.label in (None, labels[n])]
    if of_label and scores[of_label[0]] >= wanted.threshold:
        return of_label[0]
    what = "object" if wanted.label is None else f"'{wanted.label}'"
    message = f"{NAME}: no {what} of score {wanted.threshold:g} or more"
    nearest = (of_label or ranked)[:1]
    seen = "".join(f" (found: {labels[n]}, {scores[n]:.2f})" for n in nearest)
    raise UserError(f"{message}{seen}; set another `label` or `threshold`, or give another mask")


@lru_cache(maxsize=1)
def load(path: Path) -> torch.nn.Module:
    """The network with the weights of a file, frozen and in evaluation mode.

    It is laid out on the meta device: nothing is initialised at random, nothing downloaded.

    Raises:
        UserError: the file is not torchvision's state dict of this network.
    """
    return fitted(network(), path, "Mask R-CNN (ResNet-50, FPN)")


def network() -> torch.nn.Module:
    """Mask R-CNN as its weights expect it, without memory.

    torchvision's own function would take batch norms with an epsilon, which these weights do not.
    """
    import torch
    from torchvision.models.detection import MaskRCNN
    from torchvision.models.detection.anchor_utils import AnchorGenerator
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
    from torchvision.ops import FrozenBatchNorm2d

    anchors = AnchorGenerator(ANCHORS, RATIOS)  # no buffers: they would be lost on meta
    norm = partial(FrozenBatchNorm2d, eps=0.0)
    with torch.device("meta"):
        backbone = resnet_fpn_backbone(backbone_name="resnet50", weights=None, norm_layer=norm)
        model: torch.nn.Module = MaskRCNN(backbone, len(_names()), rpn_anchor_generator=anchors)
        return model


def _names() -> Sequence[str]:
    """COCO's labels by number; numbers that no object has are called N/A."""
    from torchvision.models.detection import MaskRCNN_ResNet50_FPN_Weights

    names: Sequence[str] = MaskRCNN_ResNet50_FPN_Weights.COCO_V1.meta["categories"]
    return names


def _small(pixels: Pixels) -> np.ndarray[Any, np.dtype[np.float32]]:
    """(H, W, 3) in [0, 1], at most LONGEST long."""
    image = Image.fromarray(pixels)
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    return np.asarray(image, dtype=np.float32) / np.float32(255)
