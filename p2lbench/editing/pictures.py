"""Images of the network as pixels, and files of pixels."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from p2lbench.images import Pixels

if TYPE_CHECKING:
    from torch import Tensor


def pixels_of(image: Tensor) -> Pixels:
    """(1, 3, H, W) in [-1, 1] → (H, W, 3) in 0 to 255."""
    scaled = ((image[0].detach().nan_to_num(-1).clamp(-1, 1) + 1) * 127.5).round()
    pixels: Pixels = scaled.permute(1, 2, 0).cpu().numpy().astype(np.uint8)
    return pixels


def write(path: Path, pixels: Pixels) -> None:
    """PNG. Raises: OSError."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG")
    path.write_bytes(buffer.getvalue())
