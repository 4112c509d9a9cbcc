"""What the folder of an autoencoder tells before its weights are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONFIG, WEIGHTS = "config.json", "diffusion_pytorch_model.safetensors"
COLOURS = 3


@dataclass(frozen=True)
class Layout:
    """Of one autoencoder. `kind`: its class in diffusers; `channels`: of a latent; `factor`: the
    side of the square of pixels that one latent position makes."""

    kind: str
    channels: int
    factor: int


def files(folder: str) -> tuple[str, str]:
    """The paths of the two files that are read of a folder."""
    return str(Path(folder) / CONFIG), str(Path(folder) / WEIGHTS)


def read_layout(folder: str) -> Layout:
    """Of the autoencoder in a folder.

    Raises:
        ValueError: there is none that this package knows; a message for the option `folder`.
    """
    for file in map(Path, files(folder)):
        if not file.is_file():
            raise ValueError(f"folder: expected {CONFIG} and {WEIGHTS} in it, found no {file}")
    file = Path(folder) / CONFIG
    try:
        return _layout(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ValueError(f"folder: {file}: {error}") from error


def _layout(config: Any) -> Layout:
    if not isinstance(config, dict):
        raise ValueError("expected the configuration of a model of diffusers")
    kind = config.get("_class_name")
    if kind not in _FACTORS:
        raise ValueError(f"expected _class_name to be {' or '.join(_FACTORS)}, got {kind!r}")
    if (colours := _number(config, "out_channels")) != COLOURS:
        raise ValueError(f"expected out_channels to be {COLOURS}, got {colours}")
    return Layout(kind, _number(config, "latent_channels"), _FACTORS[kind](config))


def _of_kl(config: Mapping[str, Any]) -> int:
    """Every block of the decoder but the last doubles the sides."""
    return int(2 ** (_length(config, "block_out_channels") - 1))


def _of_tiny(config: Mapping[str, Any]) -> int:
    """The same, by a factor of the configuration's."""
    enlarged = _length(config, "num_decoder_blocks") - 1
    return int(_number(config, "upsampling_scaling_factor") ** enlarged)


_FACTORS = {"AutoencoderKL": _of_kl, "AutoencoderTiny": _of_tiny}


def _number(config: Mapping[str, Any], key: str) -> int:
    value = config.get(key)
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"expected {key} to be a whole number above 0, got {value!r}")
    return value


def _length(config: Mapping[str, Any], key: str) -> int:
    value = config.get(key)
    if not isinstance(value, list) or not 0 < len(value) < 10:
        raise ValueError(f"expected {key} to be a list of a number for each block, got {value!r}")
    return len(value)
