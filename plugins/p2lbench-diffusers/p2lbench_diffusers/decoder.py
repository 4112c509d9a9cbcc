"""An autoencoder of diffusers as a network from scaled latents to images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import diffusers
import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor


class Decoder(nn.Module):
    """z (n, C, h, w), near N(0, 1) for each position of a photo's, to images (n, 3, H, W) around
    [-1, 1].

    The autoencoder's own latent is z / scaling_factor + shift_factor, as diffusers' pipelines have
    it (Rombach et al. 2022, D.1: latents are scaled to unit variance), or with the channels'
    latents_std and latents_mean where the configuration has those.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, model: Any) -> None:
        super().__init__()
        for half in ("encoder", "quant_conv"):  # nothing is encoded
            if hasattr(model, half):
                setattr(model, half, None)
        self.model = model
        config = model.config
        mean, std = config.get("latents_mean"), config.get("latents_std")
        by_channel = mean is not None and std is not None
        scale = _column(std if by_channel else 1.0) / config.scaling_factor
        shift = _column(mean if by_channel else config.get("shift_factor") or 0.0)
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(self, z: Tensor) -> Tensor:
        images: Tensor = self.model.decode(z * self.scale + self.shift, return_dict=False)[0]
        return images


def _column(values: Any) -> Tensor:
    """A number, or one for each channel, as (channels or 1, 1, 1)."""
    return torch.as_tensor(values, dtype=torch.float32).reshape(-1, 1, 1)


def read(folder: str, kind: str) -> Decoder:
    """The decoder of the autoencoder in a folder, frozen, in float32 and evaluation mode.

    Nothing is downloaded, and no pickle is read.

    Args:
        kind: the autoencoder's class in diffusers.

    Raises:
        ValueError: the tensors in the file are not those of the configuration.
    """
    model, loaded = getattr(diffusers, kind).from_pretrained(
        folder,
        use_safetensors=True,
        local_files_only=True,
        low_cpu_mem_usage=False,  # the other way needs a package more
        output_loading_info=True,
    )
    wrong = {key: loaded[f"{key}_keys"] for key in ("missing", "unexpected", "mismatched")}
    found = [f"{key}: {names[0]} (of {len(names)})" for key, names in wrong.items() if names]
    if found:  # diffusers would leave random numbers in their place
        raise ValueError(f"{folder}: the weights do not fit the configuration; {'; '.join(found)}")
    return Decoder(model).float().eval().requires_grad_(False)
