"""What a StyleGAN2 checkpoint is, as the header of its converted file tells; no tensor is read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

FORMAT = "p2lbench-stylegan2"
_LARGEST_HEADER = 10_000_000


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
        return {FORMAT: json.dumps(asdict(self))}


def read_config(path: Path) -> Config:
    """From the header of a converted file.

    Raises:
        ValueError: it is none.
    """
    refusal = "not a StyleGAN2 checkpoint that `p2lbench weights add` converted"
    written = metadata(path).get(FORMAT)
    if written is None:
        raise ValueError(refusal)
    try:
        return Config(**json.loads(written))
    except (TypeError, ValueError) as error:
        raise ValueError(refusal) from error


def metadata(path: Path) -> dict[str, str]:
    """The texts in a safetensors header (8 bytes for its length, then JSON); empty if the file is
    no such thing."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > _LARGEST_HEADER:
            return {}
        try:
            found = json.loads(file.read(length))
        except (ValueError, RecursionError):
            return {}
    texts = found.get("__metadata__") if isinstance(found, dict) else None
    return texts if isinstance(texts, dict) else {}
