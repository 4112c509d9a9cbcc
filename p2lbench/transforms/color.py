"""Global changes of colour (paper, section 3.3), in float: differentiable, not in 8-bit steps.

phi is one number, the strength of the change; 1 (of hue 0) changes nothing. What leaves [-1, 1] is
clipped, and cannot be brought back by the inverse. A mask, of one channel, is left as it is.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from p2lbench.transforms.base import Transform

if TYPE_CHECKING:
    from torch import Tensor

GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601
SMALL = 1e-3  # a quarter of a grey level


class Color(Transform):
    """A change of strength phi (n, 1) whose inverse is one of strength 1/phi."""

    dim = 1
    limits = ((2 / 3, 1.5),)

    def identity(self) -> Tensor:
        import torch

        return torch.ones(1)

    def apply(self, images: Tensor, phi: Tensor) -> Tensor:
        return self._colored(images, self.clamped(phi))

    def invert(self, images: Tensor, phi: Tensor) -> Tensor:
        return self._colored(images, self.opposite(self.clamped(phi)))

    def positions(self, points: Tensor, phi: Tensor, size: tuple[int, int]) -> Tensor:
        return points

    def opposite(self, phi: Tensor) -> Tensor:
        """The strength of the inverse."""
        return 1 / phi

    @abstractmethod
    def changed(self, images: Tensor, strength: Tensor) -> Tensor:
        """Images (1 or n, 3, H, W) in [0, 1] and strengths (n, 1, 1, 1) → (n, 3, H, W)."""

    def _colored(self, images: Tensor, phi: Tensor) -> Tensor:
        if images.shape[1] == 1:
            return images.expand(len(phi), -1, -1, -1)
        unit = ((images + 1) / 2).clamp(0, 1)
        return self.changed(unit, phi[:, :, None, None]).clamp(0, 1) * 2 - 1


class Brightness(Color):
    """Every channel times phi: the paper's final choice."""

    def changed(self, images: Tensor, strength: Tensor) -> Tensor:
        return strength * images

    def gain(self, phi: Tensor) -> Tensor:
        return self.clamped(phi)[:, 0]


class Contrast(Color):
    """The distance of every channel from the image's mean grey times phi."""

    def changed(self, images: Tensor, strength: Tensor) -> Tensor:
        mean = grey(images).mean((2, 3), keepdim=True)
        return mean + strength * (images - mean)


class Saturation(Color):
    """The distance of every channel from the pixel's own grey times phi."""

    def changed(self, images: Tensor, strength: Tensor) -> Tensor:
        own = grey(images)
        return own + strength * (images - own)


class Gamma(Color):
    """Every channel to the power of phi; linear below a quarter of a grey level."""

    def changed(self, images: Tensor, strength: Tensor) -> Tensor:
        # A power of 0 would have an infinite slope.
        return images * images.clamp(min=SMALL) ** (strength - 1)


class Hue(Color):
    """phi of a turn around the wheel of hues, from -0.5 to 0.5; value and saturation (HSV) stay.

    Its inverse is -phi, and nothing is clipped.
    """

    limits = ((-0.5, 0.5),)

    @property
    def scale(self) -> tuple[float, ...]:
        return (0.5,)

    def identity(self) -> Tensor:
        import torch

        return torch.zeros(1)

    def opposite(self, phi: Tensor) -> Tensor:
        return -phi

    def changed(self, images: Tensor, strength: Tensor) -> Tensor:
        value = images.amax(1, keepdim=True)
        chroma = value - images.amin(1, keepdim=True)
        return colored(hue(images, value, chroma) + 6 * strength, value, chroma)


def grey(images: Tensor) -> Tensor:
    """(n, 3, H, W) → (n, 1, H, W) luma."""
    return (images * images.new_tensor(GREY)[:, None, None]).sum(1, keepdim=True)


def hue(images: Tensor, value: Tensor, chroma: Tensor) -> Tensor:
    """(n, 1, H, W) in sixths of a turn (Smith, 1978); 0 at grey, with finite slopes."""
    import torch

    red, green, blue = images[:, :1], images[:, 1:2], images[:, 2:]
    around = chroma.clamp(min=1e-6)
    from_red, from_green, from_blue = green - blue, blue - red, red - green
    return torch.where(
        red == value,
        from_red / around,
        torch.where(green == value, 2 + from_green / around, 4 + from_blue / around),
    )


def colored(sector: Tensor, value: Tensor, chroma: Tensor) -> Tensor:
    """(n, 3, H, W) of a hue in sixths of a turn, (n, 1, H, W) each; the inverse of `hue`."""
    import torch

    k = (sector.new_tensor([5.0, 3.0, 1.0])[:, None, None] + sector) % 6
    return value - chroma * torch.minimum(k, 4 - k).clamp(0, 1)
