"""Autoencoders of a few thousand random weights, in diffusers' layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, AutoencoderTiny


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes an AutoencoderKL of two blocks, whose configuration may be changed, into a folder."""

    def written(name: str = "vae", half: bool = False, **config: Any) -> Path:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = AutoencoderKL(
                block_out_channels=(8, 16),
                down_block_types=("DownEncoderBlock2D",) * 2,
                up_block_types=("UpDecoderBlock2D",) * 2,
                norm_num_groups=4,
                **config,
            )
        (model.half() if half else model).save_pretrained(tmp_path / name)
        return tmp_path / name

    return written


@pytest.fixture
def kl(write: Callable[..., Path]) -> Path:
    """The folder of an AutoencoderKL."""
    return write()


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """The folder of an AutoencoderTiny that makes 4 × 4 pixels of one position."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoencoderTiny(
            encoder_block_out_channels=(8, 8, 8),
            decoder_block_out_channels=(8, 8, 8),
            num_encoder_blocks=(1, 1, 1),
            num_decoder_blocks=(1, 1, 1),
        )
    model.save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"
