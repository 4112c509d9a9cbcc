"""What the tests of inits share."""

from __future__ import annotations

import pytest

from p2lbench.generators.base import Generator
from p2lbench.generators.biggan.generator import BigGANFashionMNIST


@pytest.fixture(scope="module")
def generator() -> Generator:
    """The embedded BigGAN, loaded."""
    found = BigGANFashionMNIST()
    found.load("cpu")
    return found
