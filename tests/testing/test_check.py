"""What a check is, and the public face of the kit."""

from __future__ import annotations

import random
import subprocess
import sys
import unittest

import numpy as np
import pytest
import torch

from p2lbench.api import Skip
from p2lbench.testing import KINDS, Check, NotApplicable, Violation, checks
from p2lbench.testing.analytic import ellipsoid, problem, rastrigin, recorder, rosenbrock, sphere
from p2lbench.testing.sameness import states
from p2lbench.testing.tensors import check_gradient


def running(run) -> Check:
    return Check("some", "some promise", "optimizer", run)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_checks_with_ids_of_their_own(kind):
    found = checks(kind)
    assert len({str(check) for check in found}) == len(found) > 5
    assert all(check.kind == kind and check.title for check in found)
    assert [str(check) for check in found[:4]] == ["made", "options", "nonsense", "pickle"]


def test_an_unknown_kind_is_refused():
    with pytest.raises(
        ValueError, match=r"expected one of optimizer, generator.* got 'optimizers'"
    ):
        checks("optimizers")


def test_the_kit_does_not_import_pytest():
    code = (
        "import sys; from p2lbench.testing import KINDS, checks; [checks(k) for k in KINDS]; "
        "sys.exit('pytest' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_a_plugin_raises_is_a_violation():
    def broken(factory):
        raise RuntimeError("no such thing")

    with pytest.raises(Violation, match=r"expected it to work; got RuntimeError: no such thing"):
        running(broken)(object)
    with pytest.raises(Violation, match="SystemExit: 3"):
        running(lambda factory: sys.exit(3))(object)


def test_skip_does_not_apply_and_test_runners_see_a_skip():
    def skips(factory):
        raise Skip("nothing to move")

    with pytest.raises(NotApplicable, match="nothing to move") as raised:
        running(skips)(object)
    assert isinstance(raised.value, unittest.SkipTest)


def test_violations_say_what_was_expected_and_got():
    violation = Violation("this", "that", "Do so.")
    assert isinstance(violation, AssertionError)
    assert str(violation) == "expected this; got that. Do so."


def test_a_check_leaves_global_states_alone():
    def noisy(factory):
        random.seed(1)
        np.random.seed(1)
        torch.manual_seed(1)
        torch.set_num_threads(2)

    before, threads = states(), torch.get_num_threads()
    running(noisy)(object)
    assert states() == before
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("f", "best"), [(sphere(0.5), 0.5), (ellipsoid, 0.0), (rastrigin, 0.0), (rosenbrock, 1.0)]
)
def test_analytic_minima_are_where_they_are_said_to_be(f, best):
    x = torch.full((1, 5), best)
    assert float(f(x)) == pytest.approx(0.0, abs=1e-9)
    nearby = best + 0.1 * torch.randn(100, 5, generator=torch.Generator().manual_seed(0))
    assert float(f(nearby).min()) > 1e-4


def test_a_recorder_keeps_what_it_was_asked():
    p = problem(candidates=2, passes=5)
    p.loss(p.start)
    p.gradient(p.start[:1] + 1)
    calls = recorder(p).calls
    assert [call.gradient for call in calls] == [False, True]
    assert torch.equal(calls[1].points, p.clamp(p.start[:1] + 1))
    assert calls[1].rows.tolist() == [0]
    assert not recorder(p).exhausted


def test_the_gradient_check_knows_a_wrong_slope():
    x = torch.linspace(-1, 1, 40)
    check_gradient("a square", lambda x: x**2, x)
    with pytest.raises(Violation, match="to be its slope"):
        check_gradient("a square", lambda x: x * x.detach(), x)
