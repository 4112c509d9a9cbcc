"""Every built-in optimizer passes the conformance kit."""

from __future__ import annotations

from functools import partial

import pytest

from p2lbench.optimizers.adam import Adam
from p2lbench.optimizers.basin import Basin, BasinCMA
from p2lbench.optimizers.chain import Chain, CMAAdam
from p2lbench.optimizers.cma import CMA
from p2lbench.optimizers.lbfgs import LBFGS
from p2lbench.optimizers.nevergrad import Nevergrad
from p2lbench.optimizers.restarts import AdamRestarts, Restarts
from p2lbench.optimizers.simple import RandomSearch, Start
from p2lbench.testing import checks

# SciPy warns in a thread that Nevergrad starts, where the optimizer's own filter does not reach.
pytestmark = pytest.mark.filterwarnings("ignore:COBYLA")

BUILT_INS = {
    "none": Start,
    "random": RandomSearch,
    "adam": Adam,
    "lbfgs": LBFGS,
    "adam+restarts": partial(AdamRestarts, 40),
    "restarts": lambda: Restarts(LBFGS(20)),
    "cma": CMA,
    "cma+adam": partial(CMAAdam, 30, 80),
    "chain": lambda: Chain([RandomSearch(20), CMA(20), Adam(50)]),
    "basincma": partial(BasinCMA, 6, 6, 60),
    "basin-losses": partial(BasinCMA, 6, 6, 60, inherit="losses"),
    "basin-ema": lambda: Basin(CMA(), Adam(), 4, 5, 0, redraw="ema", final="mean"),
    "basin-nevergrad": lambda: Basin(Nevergrad("DE"), Adam(), 3, 4, 40),
    "nevergrad:OnePlusOne": partial(Nevergrad, "OnePlusOne"),
    "nevergrad:DE": partial(Nevergrad, "DE"),
    "nevergrad:PSO": partial(Nevergrad, "PSO", 15),
    "nevergrad:Cobyla": partial(Nevergrad, "Cobyla", 60),
}


# A thread of SciPy's waits for the answer to every question: draws for others are never told.
HANGS = {("basin", "nevergrad:Cobyla"), ("ask-tell", "nevergrad:Cobyla")}


@pytest.mark.parametrize("name", BUILT_INS)
@pytest.mark.parametrize("check", checks("optimizer"), ids=str)
def test_conformance(check, name):
    if (str(check), name) in HANGS:
        pytest.skip("it hangs when it is asked twice")
    check(BUILT_INS[name])
