"""The promises of every optimizer."""

import functools

import pytest
from p2lbench_cmaes import CmaEs, MapCma, SepCma, XNes

from p2lbench.testing import checks

METHODS = {
    "cma": CmaEs,
    "lr-adapt": functools.partial(CmaEs, lr_adapt=True),
    "sep-cma": SepCma,
    "map-cma": MapCma,
    "xnes": XNes,
}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("check", checks("optimizer"), ids=str)
def test_conformance(check, name):
    check(METHODS[name])
