"""Which weights the built-in generators let fine-tuning move, and what follows from them."""

from __future__ import annotations

import torch

from p2lbench.api import Generator
from p2lbench.generators.biggan.generator import BigGANFashionMNIST


def test_biggan_keeps_its_class_vectors_and_its_statistics() -> None:
    generator = BigGANFashionMNIST()
    generator.load("cpu")
    named = generator.parameters()
    assert not {"embeddings", "affine_bias"} & set(named)
    kept = {name for name, _ in generator._network.named_buffers()} - set(named)
    assert kept == {"embeddings", "affine_bias"}
    assert sum(tensor.numel() for tensor in named.values()) > 1_000_000


def test_biggan_that_is_compiled_is_run_as_it_stands() -> None:
    generator = BigGANFashionMNIST()
    generator.load("cpu")
    generator._function = lambda _: torch.zeros(1)  # in the place of compiled code
    generator.parameters()
    assert generator.forward(z=torch.zeros(1, 64), c=torch.zeros(1, 64)).shape[1] == 3


def test_by_default_it_is_the_parameters_of_networks_among_its_attributes() -> None:
    class Own(Generator):
        def load(self, device: str) -> None:
            self.first = torch.nn.Linear(2, 3)
            self.again = self.first
            self._norm = torch.nn.BatchNorm1d(3)

    own = Own()
    own.load("cpu")
    assert sorted(own.parameters()) == ["first.bias", "first.weight", "norm.bias", "norm.weight"]
    assert own.parameters()["first.weight"] is own.first.weight
    assert Generator().parameters() == {}
