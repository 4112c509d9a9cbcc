"""Built-in inits."""

from __future__ import annotations

from p2lbench.hookspecs import Register, hookimpl


@hookimpl
def register_inits(register: Register) -> None:
    at = "p2lbench.inits.classes:"
    register("ground-truth", at + "GroundTruth", summary="the class that the suite gives")
    register("predicted", at + "Predicted", summary="the class that a classifier predicts")
    register("random-class", at + "RandomClass", summary="a class drawn for each cell")
    register(
        "random-gaussian",
        at + "RandomGaussian",
        summary="a class vector of normal noise for each candidate, which is no class",
    )
    register(
        "encoder",
        "p2lbench.inits.encoder:EncoderInit",
        summary="z as an encoder of biggan-fmnist sees it, with noise",
    )
