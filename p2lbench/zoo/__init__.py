"""Embedded weights, their model cards, and the scripts that trained them.

Importing this package imports no torch; the loaders do, when called.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytorch_pretrained_biggan import BigGAN

    from p2lbench.zoo.classifiers import Classifier
    from p2lbench.zoo.encoder import Encoder

CLASSIFIERS = ("percep-fmnist", "percep-fmnist-heldout")
ENCODERS = ("encoder-fmnist",)
NAMES = ("biggan-fmnist", *CLASSIFIERS, *ENCODERS)


def folder(name: str) -> Path:
    """The folder of an embedded model: weights, CARD.md and figures.json."""
    if name not in NAMES:
        raise ValueError(f"no embedded model {name!r}; there are {', '.join(NAMES)}")
    return Path(__file__).parent / name.replace("-", "_")


def weights(name: str) -> Path:
    """The safetensors file of an embedded model."""
    return folder(name) / "model.safetensors"


def sha256(name: str) -> str:
    """SHA-256 of an embedded model's weights file, in hexadecimal."""
    return hashlib.sha256(weights(name).read_bytes()).hexdigest()


def config() -> dict[str, Any]:
    """The embedded generator's BigGANConfig as a dictionary."""
    path = folder("biggan-fmnist") / "config.json"
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def load_biggan_fmnist() -> BigGAN:
    """The embedded generator, in eval mode, its weights frozen.

    `model(z, class_vector, truncation)` takes z (n, 64), class vectors (n, 10) and a truncation
    in (0, 1]; it returns images (n, 3, 32, 32) in [-1, 1]. Classes are `fmnist.CLASSES`.
    """
    from safetensors.torch import load_file

    from p2lbench.zoo.biggan import blank

    model = blank(config())
    model.load_state_dict(load_file(weights("biggan-fmnist")), strict=True)
    frozen: BigGAN = model.eval().requires_grad_(False)
    return frozen


def load_classifier(name: str) -> Classifier:
    """`percep-fmnist` or `percep-fmnist-heldout`, in eval mode, its weights frozen."""
    from safetensors.torch import load_file

    from p2lbench.zoo.classifiers import ARCHITECTURES, blank

    if name not in ARCHITECTURES:
        raise ValueError(f"no embedded classifier {name!r}; there are {', '.join(ARCHITECTURES)}")
    model = blank(name)
    model.load_state_dict(load_file(weights(name)), strict=True)
    return model.eval().requires_grad_(False)


def load_encoder(name: str) -> Encoder:
    """`encoder-fmnist`, of `biggan-fmnist`, in eval mode, its weights frozen and in float32."""
    from safetensors.torch import load_file

    from p2lbench.zoo.encoder import blank

    if name not in ENCODERS:
        raise ValueError(f"no embedded encoder {name!r}; there are {', '.join(ENCODERS)}")
    model = blank()
    # Stored as float16; load_state_dict converts to the parameters' own type.
    model.load_state_dict(load_file(weights(name)), strict=True)
    return model.eval().requires_grad_(False)
