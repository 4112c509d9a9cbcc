"""Every built-in optimizer, made so that the conformance kit is quick."""

from __future__ import annotations

from functools import partial

from p2lbench.optimizers.adam import Adam
from p2lbench.optimizers.basin import Basin, BasinCMA
from p2lbench.optimizers.chain import Chain, CMAAdam
from p2lbench.optimizers.cma import CMA
from p2lbench.optimizers.lbfgs import LBFGS
from p2lbench.optimizers.nevergrad import Nevergrad
from p2lbench.optimizers.projector import Projector
from p2lbench.optimizers.restarts import AdamRestarts, Restarts
from p2lbench.optimizers.simple import RandomSearch, Start
from p2lbench.optimizers.torchoptim import TorchOptim

# By the name that is registered.
BUILT_INS = {
    "none": Start,
    "random": RandomSearch,
    "adam": Adam,
    "torch:": partial(TorchOptim, "RMSprop"),
    "projector": Projector,
    "lbfgs": LBFGS,
    "cma": CMA,
    "restarts": lambda: Restarts(LBFGS(20)),
    "adam+restarts": partial(AdamRestarts, 40),
    "chain": lambda: Chain([RandomSearch(20), CMA(20), Adam(50)]),
    "cma+adam": partial(CMAAdam, 30, 80),
    "basin": lambda: Basin(Nevergrad("DE"), Adam(), 3, 4, 40),
    "basincma": partial(BasinCMA, 6, 6, 60),
    "nevergrad:": partial(Nevergrad, "DE"),
}
