"""Built-in optimizers, one idea per file, registered through the same hooks as anybody's."""

from __future__ import annotations

from p2lbench.hookspecs import Register, hookimpl


@hookimpl
def register_optimizers(register: Register) -> None:
    at = "p2lbench.optimizers."
    register("none", at + "simple:Start", summary="returns the start")
    register("random", at + "simple:RandomSearch", summary="best of draws from the init")
    register("adam", at + "adam:Adam", summary="Adam, independent for every candidate")
    register("torch:", at + "torchoptim:TorchOptim", summary="any of torch.optim, by name")
    register("projector", at + "projector:Projector", summary="StyleGAN2's: Adam on a noisy latent")
    register("lbfgs", at + "lbfgs:LBFGS", summary="L-BFGS, strong Wolfe, one per candidate")
    register("cma", at + "cma:CMA", summary="covariance matrix adaptation (pycma)")
    register("restarts", at + "restarts:Restarts", summary="one optimizer from many starts")
    register(
        "adam+restarts", at + "restarts:AdamRestarts", summary="Adam from fresh draws, best kept"
    )
    register("chain", at + "chain:Chain", summary="one optimizer after another")
    register("cma+adam", at + "chain:CMAAdam", summary="CMA, then Adam from its last draws")
    register("basin", at + "basin:Basin", summary="a search whose draws are descended first")
    register("basincma", at + "basin:BasinCMA", summary="the paper's BasinCMA: CMA over Adam")
    register("nevergrad:", at + "nevergrad:Nevergrad", summary="any of Nevergrad's optimizers")
