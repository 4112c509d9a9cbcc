"""The way back of a generator's image: T⁻¹ at the photo's own resolution, into its own frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from p2lbench.images import Pixels, central
from p2lbench.objective import inverted

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.transforms.base import Transform

Region = np.ndarray[Any, np.dtype[np.bool_]]
_WHOLE = 0.999  # of a pixel; what is covered by less has the fill in it


@dataclass(frozen=True)
class Placed:
    """`pixels (H, W, 3)` as large as the photo, and where they are the generator's, `covered
    (H, W)`: elsewhere they are the photo's."""

    pixels: Pixels
    covered: Region


def place(image: Tensor, transform: Transform | None, phi: Tensor | None, photo: Pixels) -> Placed:
    """A generator's image (1, 3, h, w) in the place of a photo (H, W, 3) that it was found in.

    What the generator saw is the photo's largest central part of its proportions, resized
    (`images.fit`) and transformed. Here the image is resized to that part first and brought back
    by T⁻¹ then, so that it is sampled once, at the photo's resolution. Where the photo is the
    smaller one, it is brought back at the generator's size and then shrunk.
    """
    import torch

    top, left, height, width = central((photo.shape[0], photo.shape[1]), _size(image))
    with torch.no_grad():
        large = _resized(image, (max(height, image.shape[2]), max(width, image.shape[3])))
        covered = torch.ones_like(large[:, :1])
        if transform is not None and phi is not None:
            large, covered = inverted(transform, large, phi), inverted(transform, covered, phi)
        part, known = _resized(large, (height, width)), _resized(covered, (height, width))
    pixels, everywhere = photo.copy(), np.zeros(photo.shape[:2], dtype=np.bool_)
    inside = (known[0, 0] > _WHOLE).cpu().numpy()
    seen = pixels[top : top + height, left : left + width]
    seen[inside] = _pixels(part, photo)[inside]
    everywhere[top : top + height, left : left + width] = inside
    return Placed(pixels, everywhere)


def _size(image: Tensor) -> tuple[int, int]:
    return image.shape[2], image.shape[3]


def _resized(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Antialiased where it shrinks; what has the size is not changed."""
    from torch.nn.functional import interpolate

    if _size(image) == size:
        return image
    mode = "bilinear" if image.shape[1] == 1 else "bicubic"  # a mask must not overshoot
    resized: Tensor = interpolate(image, size, mode=mode, antialias=True)
    return resized.clamp(-1, 1)


def _pixels(image: Tensor, photo: Pixels) -> Pixels:
    """(1, 3, h, w) in [-1, 1] → (h, w, 3) in 0 to 255; grey where the photo is."""
    from p2lbench.transforms.color import grey

    if bool((photo == photo[..., :1]).all()):
        image = grey(image).expand(-1, 3, -1, -1)
    scaled = ((image[0].clamp(-1, 1) + 1) * 127.5).round()
    pixels: Pixels = scaled.permute(1, 2, 0).cpu().numpy().astype(np.uint8)
    return pixels
