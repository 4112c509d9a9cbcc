"""What a StyleGAN2 checkpoint is, as the header of its converted file tells; no tensor is read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from p2lbench.weights.kinds import KINDS

KIND = KINDS["stylegan2"]


@dataclass(frozen=True)
class Config:
    """The architecture (skip, [1, 3, 3, 1] filter) apart from channels, which the tensors tell.

    `layers`: of the mapping. `noise`: whether the checkpoint has noise images. `clamp`: the largest
    magnitude after a convolution, None for no limit. `mapping_rate`: the learning-rate multiplier
    of the mapping's layers.
    """

    z_dim: int
    c_dim: int
    w_dim: int
    resolution: int
    layers: int
    noise: bool = True
    clamp: float | None = None
    mapping_rate: float = 0.01

    @property
    def resolutions(self) -> tuple[int, ...]:
        """4, 8, … up to the image's side."""
        return tuple(2**i for i in range(2, self.resolution.bit_length()))

    @property
    def num_ws(self) -> int:
        """How many w the synthesis takes: one per convolution, and one for the last colours."""
        return 2 * len(self.resolutions)

    @property
    def noise_sides(self) -> tuple[int, ...]:
        """The sides of the noise images, in the order of the convolutions."""
        first, *others = self.resolutions
        return (first, *(side for side in others for _ in range(2)))

    def metadata(self) -> dict[str, str]:
        """For a safetensors header."""
        # One entry: safetensors writes several in an order that changes.
        return {KIND.key: json.dumps(asdict(self))}


def read_config(path: Path) -> Config:
    """From the header of a converted file.

    Raises:
        ValueError: it is none.
    """
    written = KIND.architecture(path)
    try:
        return Config(**json.loads(written))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"a {KIND.title} checkpoint with a damaged header") from error
