"""Decoders of diffusers' autoencoders for p2lbench: the generator `diffusers`."""

from p2lbench.api import Register, hookimpl


@hookimpl
def register_generators(register: Register) -> None:
    register(
        "diffusers",
        "p2lbench_diffusers.generator:Diffusers",
        summary="the decoder of an autoencoder in diffusers' layout, from a folder of yours",
    )
