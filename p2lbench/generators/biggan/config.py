"""What a BigGAN-deep is, apart from its weights: the `config.json` beside a published file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from p2lbench.weights.kinds import KINDS, header

KIND = KINDS["biggan-deep"]
_LARGEST = 100_000  # bytes; the published ones have 630
_MOST_LAYERS, _LARGEST_SIDE = 64, 4096  # the published ones have 14 and 512


@dataclass(frozen=True)
class Config:
    """The architecture (Brock et al. 2019, appendix B), by the names of `config.json`.

    `z_dim`: the width of z, and of a class vector.
    `channel_width`: what the channels of `layers` are multiples of. `layers`: for each residual
    block, whether it doubles the side, its channels before and after. `attention_layer_position`:
    the block that attention comes before. `eps`: of the batch norms and spectral norms. `n_stats`:
    how many truncations, evenly from 0 to 1, the batch norms have statistics for.

    Raises:
        ValueError: a field that no BigGAN-deep can have; what it should be.
    """

    z_dim: int = 128
    channel_width: int = 128
    num_classes: int = 1000
    layers: tuple[tuple[bool, int, int], ...] = ()
    attention_layer_position: int = 8
    eps: float = 1e-4
    n_stats: int = 51

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.type == "int":
                _check_count(field.name, getattr(self, field.name))
        if type(self.eps) not in (int, float) or not 0 < self.eps < 1:
            raise ValueError(f"eps: expected above 0 and below 1, got {self.eps!r}")
        if self.n_stats < 2:
            raise ValueError(f"n_stats: expected at least 2, got {self.n_stats}")
        _check_layers(self.layers)
        if (side := self.side) > _LARGEST_SIDE:
            most = f"{_LARGEST_SIDE} × {_LARGEST_SIDE}"
            raise ValueError(f"layers: expected images of at most {most}, got {side}")

    @property
    def side(self) -> int:
        """Of the images, in pixels."""
        return 4 << sum(doubles for doubles, _, _ in self.layers)

    @property
    def channels(self) -> tuple[tuple[int, int], ...]:
        """Of each block, before and after."""
        width = self.channel_width
        return tuple((width * before, width * after) for _, before, after in self.layers)

    @property
    def attention_channels(self) -> int | None:
        """What attention works on; None where there is no such block, thus no attention."""
        at = self.attention_layer_position
        return self.channels[at][0] if at < len(self.layers) else None

    def metadata(self) -> dict[str, str]:
        """For a safetensors header."""
        return {KIND.key: json.dumps(asdict(self))}


def read_config(path: Path) -> Config:
    """From the header of a converted file, or the `config.json` beside it; no tensor is read.

    Raises:
        ValueError: there is none.
    """
    beside = path.with_name("config.json")
    if KIND.key not in header(path) and beside.is_file():
        return from_file(beside)
    try:
        return parsed(json.loads(KIND.architecture(path)))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"a {KIND.title} checkpoint with a damaged header") from error


def from_file(path: Path) -> Config:
    """From a `config.json`.

    Raises:
        ValueError: it is none; the message begins with its name.
    """
    with path.open("rb") as file:
        content = file.read(_LARGEST + 1)
    try:
        if len(content) > _LARGEST:
            raise ValueError(f"expected at most {_LARGEST} bytes")
        return parsed(json.loads(content))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path.name}: {error}") from error


def parsed(written: Any) -> Config:
    """From the content of a `config.json`.

    What the network does not depend on is ignored, `output_dim` as well: the layers tell the side.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(written, Mapping):
        raise ValueError(f"expected an object with layers, got {type(written).__name__}")
    known = {field.name: written[field.name] for field in fields(Config) if field.name in written}
    layers = known.get("layers")
    if not isinstance(layers, list) or not all(isinstance(row, list) for row in layers):
        raise ValueError("layers: expected a list of [up-sample, channels in, channels out]")
    return Config(**{**known, "layers": tuple(tuple(row) for row in layers)})


def _check_count(name: str, value: Any) -> None:
    if type(value) is not int or not 0 <= value < 2**20:
        raise ValueError(f"{name}: expected a whole number, got {value!r}")
    if value == 0 and name != "attention_layer_position":
        raise ValueError(f"{name}: expected at least 1, got 0")


def _check_layers(layers: Any) -> None:
    if len(layers) > _MOST_LAYERS:
        raise ValueError(f"layers: expected at most {_MOST_LAYERS}, got {len(layers)}")
    width = 16
    for i, row in enumerate(layers):
        if [type(value) for value in row] != [bool, int, int] or row[2] < 1:
            raise ValueError(f"layers[{i}]: expected [true or false, in, out], got {[*row]!r}")
        if row[1] != width or row[2] not in (width, width / 2):
            raise ValueError(
                f"layers[{i}]: expected {width} channels in and as many or half of them out, "
                f"got {row[1]} and {row[2]}"
            )
        width = row[2]
    if not layers or width != 1:
        raise ValueError(f"layers: expected to end at 1 channel, got {width}")


def _rows(written: str) -> tuple[tuple[bool, int, int], ...]:
    """`16 16+ 8` for a block from 16 to 16 that doubles the side, then one from 16 to 8."""
    first, *others = written.split()
    before, rows = int(first), []
    for other in others:
        after = int(other.removesuffix("+"))
        rows.append((other.endswith("+"), before, after))
        before = after
    return tuple(rows)


PUBLISHED = {
    "biggan-deep-128": Config(layers=_rows("16 16 16+ 16 8+ 8 4+ 4 2+ 2 1+")),
    "biggan-deep-256": Config(layers=_rows("16 16 16+ 16 8+ 8 8+ 8 4+ 4 2+ 2 1+")),
    "biggan-deep-512": Config(layers=_rows("16 16 16+ 16 8+ 8 8+ 8 4+ 4 2+ 2 1+ 1 1+")),
}
