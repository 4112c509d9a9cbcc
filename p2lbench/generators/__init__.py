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
    at = "p2lbench.generators.biggan.generator:"
    for side, images in (("128", "128×128"), ("256", "256×256, the paper's"), ("512", "512×512")):
        summary = f"BigGAN-deep, {images}, a thousand classes of ImageNet"
        register(f"biggan-deep-{side}", f"{at}deep_{side}", summary=summary)
    register(
        "biggan-deep",
        f"{at}BigGANDeep",
        summary="BigGAN-deep from a checkpoint of your own",
    )
    register(
        "stylegan2",
        "p2lbench.generators.stylegan2.generator:StyleGAN2",
        summary="StyleGAN2 and StyleGAN2-ADA from a checkpoint of your own; spaces z, w, w+",
    )
