"""The promises of every loss and every metric."""

import p2lbench_piq
import pytest

from p2lbench.testing import checks


def registered(hook):
    found = {}
    hook(lambda name, factory: found.update({name: factory}))
    return found


LOSSES = registered(p2lbench_piq.register_losses)
METRICS = registered(p2lbench_piq.register_metrics)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("check", checks("loss"), ids=str)
def test_a_loss_conforms(check, name):
    check(LOSSES[name])


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("check", checks("metric"), ids=str)
def test_a_metric_conforms(check, name):
    check(METRICS[name])


def test_the_names_it_registers():
    assert set(LOSSES) == {"piq-gmsd", "piq-ms-gmsd", "piq-mdsi", "piq-haarpsi-loss"}
    metrics = {"fsim", "vsi", "vif", "sr-sim", "dss"}
    assert set(METRICS) == {f"piq-{name}" for name in metrics}
