"""The embedded BigGAN-deep in p2lbench's form against the package's modules, in one run.

    python benchmarks/embedded_step.py [--rounds 40]

Forward and backward to z and class vector, at several numbers of candidates. The package's modules
are already frozen, and their spectral norms removed: the ratio is what the form of the network is
worth where images are small and Python's overhead counts most.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from functools import partial

import torch
from pix2latent_step import timed
from torch import Tensor
from torch.nn.utils import remove_spectral_norm

from p2lbench import zoo
from p2lbench.executors.memory import keep_freed
from p2lbench.generators.biggan.generator import BigGANFashionMNIST


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    keep_freed()
    ours, package = BigGANFashionMNIST(), zoo.load_biggan_fmnist()
    ours.load("cpu")
    for module in package.modules():
        if hasattr(module, "weight_orig"):
            remove_spectral_norm(module)
    package.requires_grad_(False)
    forms: list[Callable[[Tensor], Tensor]] = [
        lambda x: package.generator(x, 1.0),
        lambda x: ours.forward(z=x[:, :64], c=x[:, 64:]),
    ]
    for n in (1, 4, 18, 64):
        x = torch.cat([torch.randn(n, 64), ours.embed(torch.arange(n) % 10)], dim=1)
        steps = [partial(slopes, form, x, torch.randn(n, 3, 32, 32)) for form in forms]
        for step in steps:
            step()
        pairs = [[timed(step) for step in steps] for _ in range(rounds)]
        ratio = statistics.median(own / plain for plain, own in pairs)
        plain = statistics.median(pair[0] for pair in pairs)
        print(f"{n:3} candidates: package {plain * 1e3:6.1f} ms, p2lbench / package = {ratio:.2f}")


def slopes(form: Callable[[Tensor], Tensor], x: Tensor, weight: Tensor) -> object:
    x = x.clone().requires_grad_(True)
    return torch.autograd.grad(form(x), x, weight)


if __name__ == "__main__":
    main()
