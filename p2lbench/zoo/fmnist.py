"""Fashion-MNIST from its idx files, as the images p2lbench works on.

Source of the photos: Zalando SE (2017), MIT licence; Debian package `dataset-fashion-mnist`.
"""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from p2lbench.errors import UserError

if TYPE_CHECKING:
    import torch

CLASSES = (
    "t-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
SIZE = 32
TUNE_PHOTOS = 5_000

Part = Literal["train", "tune", "test"]


class DatasetError(UserError):
    """Fashion-MNIST is missing or damaged; the message says where and what to do."""


@dataclass(frozen=True)
class Photos:
    """Photos of one part of the dataset.

    pixels: (n, 32, 32) uint8, 0 is black; labels: (n,) int64 in 0..9;
    indices: (n,) position in the published file the photo comes from.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    indices: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def folder(path: str | os.PathLike[str] | None = None) -> Path:
    """Where the idx files are: the argument, else $P2LBENCH_FMNIST, else Debian's folder."""
    chosen = Path(path or os.environ.get("P2LBENCH_FMNIST") or DEBIAN_FOLDER)
    if not chosen.is_dir():
        raise DatasetError(
            f"{chosen}: no Fashion-MNIST folder. Install it (apt-get install "
            "dataset-fashion-mnist) or point P2LBENCH_FMNIST at a folder with its four idx files."
        )
    return chosen


def load(part: Part, path: str | os.PathLike[str] | None = None) -> Photos:
    """Read one part: `train` (first 55,000 photos), `tune` (last 5,000), or `test` (10,000).

    The published training file is cut in two so that hyper-parameters and checkpoints can be
    chosen on photos that no model was trained on, without touching the test photos.
    """
    where = folder(path)
    prefix = "t10k" if part == "test" else "train"
    pixels = read_idx(_find(where, f"{prefix}-images-idx3-ubyte"), dimensions=3)
    labels = read_idx(_find(where, f"{prefix}-labels-idx1-ubyte"), dimensions=1)
    if len(pixels) != len(labels):
        raise DatasetError(f"{where}: {len(pixels)} {prefix} images but {len(labels)} labels")
    if labels.size and labels.max() >= len(CLASSES):
        raise DatasetError(f"{where}: label {labels.max()} in {prefix}, expected 0..9")
    cuts = {"train": slice(0, -TUNE_PHOTOS), "tune": slice(-TUNE_PHOTOS, None), "test": slice(None)}
    cut = cuts[part]
    indices = np.arange(len(labels), dtype=np.int64)
    return Photos(pad(pixels)[cut], labels.astype(np.int64)[cut], indices[cut])


def pad(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Surround (n, 28, 28) photos with black to (n, 32, 32)."""
    if pixels.shape[1:] != (28, 28):
        raise DatasetError(f"photos of {pixels.shape[1:]} pixels, expected (28, 28)")
    margin = (SIZE - 28) // 2
    return np.pad(pixels, ((0, 0), (margin, margin), (margin, margin)))


def to_images(pixels: NDArray[np.uint8] | torch.Tensor) -> torch.Tensor:
    """Turn (n, 32, 32) uint8 pixels into (n, 3, 32, 32) float32 images in [-1, 1]."""
    import torch

    grey = torch.as_tensor(pixels).to(torch.float32) / 127.5 - 1.0
    return grey.unsqueeze(1).repeat(1, 3, 1, 1)


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read an idx file of unsigned bytes (gzipped or not) as an array of `dimensions` axes.

    Raises DatasetError if the file is no idx file, has other axes, or is cut short.
    """
    data = _bytes_of(path)
    header = 4 + 4 * dimensions
    if len(data) < header:
        raise DatasetError(f"{path}: {len(data)} bytes, too short for an idx file; reinstall it")
    zero, kind, axes = struct.unpack(">HBB", data[:4])
    if zero != 0 or kind != 0x08 or axes != dimensions:
        raise DatasetError(
            f"{path}: starts with {data[:4].hex()}, expected {8:06x}{dimensions:02x} "
            f"(idx file of bytes with {dimensions} axes)"
        )
    shape = struct.unpack(f">{dimensions}I", data[4:header])
    expected = int(np.prod(shape, dtype=np.uint64))
    if len(data) - header != expected:
        raise DatasetError(
            f"{path}: {len(data) - header} bytes of data, its header promises {expected}; "
            "the file is cut short or damaged, reinstall it"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def _bytes_of(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path}: cannot be read ({error}); reinstall it") from error


def _find(where: Path, name: str) -> Path:
    for candidate in (where / f"{name}.gz", where / name):
        if candidate.is_file():
            return candidate
    raise DatasetError(
        f"{where}: has no {name}.gz. Install Fashion-MNIST (apt-get install dataset-fashion-mnist) "
        "or point P2LBENCH_FMNIST at a complete copy."
    )
