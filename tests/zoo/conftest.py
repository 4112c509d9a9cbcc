"""What the zoo's tests share."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pytorch_pretrained_biggan import BigGAN

from p2lbench import zoo
from p2lbench.zoo import fmnist


@pytest.fixture(scope="session")
def photos() -> fmnist.Photos:
    """500 photos of the test split, the first fifty of each class."""
    stored = np.load(Path(__file__).parent / "data" / "fmnist_test_500.npz")
    return fmnist.Photos(stored["pixels"], stored["labels"], stored["indices"])


@pytest.fixture(scope="session")
def generator() -> BigGAN:
    """The embedded generator."""
    return zoo.load_biggan_fmnist()


@pytest.fixture
def idx() -> Callable[[np.ndarray], bytes]:
    """Makes the contents of an idx file of unsigned bytes."""

    def contents(array: np.ndarray) -> bytes:
        header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        return header + array.astype(np.uint8).tobytes()

    return contents


@pytest.fixture
def write_dataset(tmp_path: Path, idx: Callable[[np.ndarray], bytes]) -> Callable[..., Path]:
    """Writes so many random photos and labels as idx files; returns their folder."""

    def write(photos: int, labels: int, prefix: str = "t10k") -> Path:
        pixels = np.random.default_rng(0).integers(0, 256, (photos, 28, 28))
        kinds = np.arange(labels) % 10
        for name, array in (("images-idx3", pixels), ("labels-idx1", kinds)):
            path = tmp_path / f"{prefix}-{name}-ubyte.gz"
            path.write_bytes(gzip.compress(idx(array), compresslevel=1))
        return tmp_path

    return write
