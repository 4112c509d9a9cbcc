"""What the zoo's tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from pytorch_pretrained_biggan import BigGAN

from p2lbench import zoo
from p2lbench.zoo import fmnist


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums over several threads need not be equal bit for bit."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def photos() -> fmnist.Photos:
    """500 photos of the test split, the first fifty of each class."""
    stored = np.load(Path(__file__).parent / "data" / "fmnist_test_500.npz")
    return fmnist.Photos(stored["pixels"], stored["labels"], stored["indices"])


@pytest.fixture(scope="session")
def generator() -> BigGAN:
    """The embedded generator."""
    return zoo.load_biggan_fmnist()
