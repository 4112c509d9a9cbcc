"""What the documentation says about every built-in optimizer is there."""

from __future__ import annotations

import pytest

from p2lbench.optimizers import register_optimizers
from p2lbench.optimizers.base import Optimizer
from p2lbench.registry import Entry, Origin

FACTORIES: dict[str, type] = {}


def _register(name, factory, *, summary=None):
    assert summary
    FACTORIES[name] = Entry("optimizers", name, factory, Origin("p2lbench")).load()


register_optimizers(_register)


@pytest.mark.parametrize("name", [name for name in FACTORIES if name != "nevergrad:"])
def test_every_built_in_states_its_source_and_cost(name):
    factory = FACTORIES[name]
    assert issubclass(factory, Optimizer)
    assert factory.source
    assert factory.cost
    for text in (factory.source, factory.cost):
        assert len(text) < 130
        assert not text.endswith(".")


def test_a_plugin_need_not_state_them():
    assert (Optimizer.source, Optimizer.cost) == ("", "")
