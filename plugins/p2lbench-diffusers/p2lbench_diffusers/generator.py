"""The generator `diffusers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from p2lbench.api import Generator, Variable
from p2lbench_diffusers.layout import files, read_layout

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench_diffusers.decoder import Decoder


class Diffusers(Generator):
    """The decoder of an autoencoder (`AutoencoderKL`, `AutoencoderTiny`) in diffusers' layout.

    Args:
        folder: has config.json and diffusion_pytorch_model.safetensors.
        size: of the images in pixels, [height, width] or one number.
        clip: whether values beyond [-1, 1] are clipped.

    z is the latent image in the units that a diffusion model sees, whose prior is N(0, 1).
    """

    variable_names = ("z",)
    default_loss = {"l1": 1.0}  # noqa: RUF012 (never changed)
    default_metrics = ("psnr", "ms-ssim")

    def __init__(self, folder: str, size: int | tuple[int, int], clip: bool = True) -> None:
        self.folder, self.clip = folder, clip
        self.files = files(folder)
        layout = read_layout(folder)
        self.size = size if isinstance(size, tuple) else (size, size)
        if any(side < 1 or side % layout.factor for side in self.size):
            raise ValueError(
                f"size: expected a multiple of {layout.factor}, which this autoencoder makes of "
                f"one position of z, got {size if isinstance(size, int) else [*size]}"
            )
        self._kind = layout.kind
        height, width = (side // layout.factor for side in self.size)
        self.variables = (Variable("z", (layout.channels, height, width)),)
        self._decoder: Decoder | None = None

    def load(self, device: str) -> None:
        if self._decoder is None:
            from p2lbench_diffusers.decoder import read

            self._decoder = read(self.folder, self._kind)
        self._decoder.to(device)

    def forward(self, **latents: Tensor) -> Tensor:
        """z (n, C, h, w) → images (n, 3, H, W) in [-1, 1], or around it if they are not clipped.

        Raises:
            RuntimeError: `load` has not been called.
        """
        if self._decoder is None:
            raise RuntimeError("diffusers: call load(device) first")
        images: Tensor = self._decoder(latents["z"])
        return images.clamp(-1, 1) if self.clip else images
