"""The continuous evolution strategies of the library cmaes, as optimizers of p2lbench."""

from __future__ import annotations

from p2lbench.api import Register, hookimpl
from p2lbench_cmaes.methods import CmaEs, MapCma, SepCma, XNes

__all__ = ["CmaEs", "MapCma", "SepCma", "XNes", "register_optimizers"]


@hookimpl
def register_optimizers(register: Register) -> None:
    register("cmaes:cma", CmaEs)
    register("cmaes:sep-cma", SepCma)
    register("cmaes:map-cma", MapCma)
    register("cmaes:xnes", XNes)
