"""Built-in inits."""

from __future__ import annotations

from p2lbench.hookspecs import Register, hookimpl


@hookimpl
def register_inits(register: Register) -> None:
    at = "p2lbench.inits.classes:"
    register("ground-truth", at + "GroundTruth", summary="the class that the suite gives")
    register("predicted", at + "Predicted", summary="the class that a classifier predicts")
