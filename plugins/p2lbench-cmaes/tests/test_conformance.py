"""The promises of every optimizer."""

import functools

import pytest
from p2lbench_cmaes import CmaEs, MapCma, SepCma, XNes

from p2lbench.testing import checks

METHODS = {"cma": CmaEs, "sep-cma": SepCma, "map-cma": MapCma, "xnes": XNes}
ADAPTED = functools.partial(CmaEs, lr_adapt=True)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("check", checks("optimizer"), ids=str)
def test_conformance(check, name):
    check(METHODS[name])


# 512 columns take it seconds, and differ little from those of CMA without it.
@pytest.mark.parametrize("check", [c for c in checks("optimizer") if c.id != "dimensions"], ids=str)
def test_conformance_with_adapted_learning_rates(check):
    check(ADAPTED)
