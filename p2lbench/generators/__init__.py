"""Built-in generators."""

from __future__ import annotations

from p2lbench.hookspecs import Register, hookimpl


@hookimpl
def register_generators(register: Register) -> None:
    register(
        "biggan-fmnist",
        "p2lbench.generators.biggan.generator:BigGANFashionMNIST",
        summary="embedded BigGAN-deep, 32×32, ten classes of Fashion-MNIST",
    )
    register(
        "stylegan2",
        "p2lbench.generators.stylegan2.generator:StyleGAN2",
        summary="StyleGAN2 and StyleGAN2-ADA from a checkpoint of your own; spaces z, w, w+",
    )
