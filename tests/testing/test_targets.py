"""Which plugins a name means, and how their factories are made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from p2lbench.errors import UserError
from p2lbench.optimizers.chain import Chain
from p2lbench.optimizers.nevergrad import Nevergrad
from p2lbench.testing.common import plugin_of
from p2lbench.testing.targets import Target, find

TWO = """
from p2lbench.api import Init, Optimizer, hookimpl

class Stay(Optimizer):
    def __init__(self, steps: int = 3):
        self.steps = steps
    def minimize(self, problem):
        return problem.start

class Prior(Init):
    def distribution(self, target, mask, generator, rng):
        return {}

@hookimpl
def register_optimizers(register):
    register("stay", Stay)

@hookimpl
def register_inits(register):
    register("prior", Prior)
"""


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A file that registers an optimizer and an init."""
    file = tmp_path / "two.py"
    file.write_text(TWO)
    return file


def only(written: str, **options: Any) -> Target:
    (target,) = find(written, **options)
    return target


def test_a_name_with_its_options_as_in_a_suite() -> None:
    target = only("{nevergrad:DE: {steps: 20}}", settings=["population=8"])
    assert (target.kind, target.name) == ("optimizer", "nevergrad:DE")
    assert target.factory is not None
    made = target.factory()
    assert (made.name, made.steps, made.population) == ("DE", 20, 8)
    assert target.factory(steps=7).steps == 7
    assert plugin_of(target.factory) is Nevergrad


def test_nested_plugins_are_made_afresh() -> None:
    target = only("{chain: {stages: [{cma: {steps: 5}}, adam]}}")
    assert target.factory is not None
    a, b = target.factory(), target.factory()
    assert isinstance(a, Chain)
    assert a.stages[0].steps == 5
    assert a.stages[0] is not b.stages[0]


def test_a_setting_reaches_below() -> None:
    target = only("{chain: {stages: [{cma: {steps: 5}}]}}", settings=["stages.0.cma.steps=9"])
    assert target.factory is not None
    assert target.factory().stages[0].steps == 9


def test_a_loss_is_a_metric_if_that_is_asked_for() -> None:
    assert only("l1").kind == "loss"
    assert only("l1", kind="metric").kind == "metric"
    assert only("psnr").kind == "metric"


def test_a_file_means_all_that_it_registers(two: Path) -> None:
    assert {(t.kind, t.name) for t in find(str(two))} == {("optimizer", "stay"), ("init", "prior")}
    assert only(str(two), kind="init").name == "prior"
    assert only("stay", files=[two], settings=["steps=4"]).factory().steps == 4  # type: ignore[misc]


def test_an_installed_plugin_means_all_that_it_registers() -> None:
    found = {target.name: target for target in find("optimizers")}
    assert found["adam"].factory is not None
    assert found["chain"].factory is None
    assert found["chain"].lacks == "it needs 'stages': name it, as '{chain: {stages: …}}'"
    assert found["nevergrad:"].lacks == "it is a family: name one, such as 'nevergrad:Name'"
    assert {target.kind for target in find("p2lbench")} > {"optimizer", "loss", "init"}


@pytest.mark.parametrize(
    ("written", "options", "message"),
    [
        ("adm", {}, "unknown plugin 'adm'. Did you mean 'adam'?"),
        ("none", {}, "'none' names transform and optimizer: add --kind transform or --kind"),
        ("adam", {"kind": "loss"}, "unknown plugin 'adam'"),
        ("adam", {"settings": ["step=3"]}, "no option 'step'. Did you mean 'steps'?"),
        ("adam", {"settings": ["steps=many"]}, "option 'steps' of optimizer 'adam'"),
        ("adam", {"settings": ["steps"]}, "expected a.b=VALUE"),
        ("restarts", {}, "option 'inner'"),
        ("nevergrad:", {}, "a name behind the colon"),
        ("{adam: 3}", {}, "options of 'adam' as a mapping"),
        ("{adam: {}, cma: {}}", {}, "expected a name or"),
        ("{adam: ", {}, "NAME:1"),
        ("absent.py", {}, "expected an existing .py file"),
    ],
)
def test_what_is_wrong_is_said(written: str, options: Any, message: str) -> None:
    with pytest.raises(UserError) as error:
        find(written, **options)
    assert message in str(error.value)


def test_settings_are_for_one_plugin(two: Path) -> None:
    with pytest.raises(UserError, match="expected one plugin, got prior, stay"):
        find(str(two), settings=["steps=4"])
    with pytest.raises(UserError, match="it registers no loss"):
        find(str(two), kind="loss")
