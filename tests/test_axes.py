"""How an optimizer's options are said to be chosen, where the suite does not say it."""

from __future__ import annotations

from typing import Any

import pytest
from fakesuite import Fake, registry

from p2lbench.axes import Axes
from p2lbench.errors import UserError
from p2lbench.yamlfile import nowhere


class Counted(Fake):
    made = 0

    def __init__(self, steps: int = 5) -> None:
        type(self).made += 1
        self.steps = steps


class Particular(Fake):
    """Refuses its own default."""

    def __init__(self, steps: int = 0) -> None:
        if steps < 1:
            raise ValueError(f"steps: expected at least 1, got {steps}")


class Demanding(Fake):
    def __init__(self, steps: int) -> None:
        self.steps = steps


AXES = Axes(registry(counted=Counted, particular=Particular, demanding=Demanding))


@pytest.mark.parametrize(
    ("written", "settings"),
    [
        ("adam", "default"),
        ({"adam": {}}, "default"),
        ({"adam": {"steps": 500}}, "default"),
        ({"adam": {"steps": 501}}, None),
        ({"adam": {"lr": 0.1}}, None),
        ({"basin": {"outer": "cma"}}, "default"),
        ({"basin": {"inner": {"adam": {"steps": 9}}}}, None),
        ({"chain": {"stages": ["adam"]}}, None),
        ("nevergrad:CMA", "default"),
        ({"nevergrad:CMA": {"budget": 2}}, None),
        ({"particular": {"steps": 3}}, None),
        ({"demanding": {"steps": 3}}, None),
        ({"adam": {"steps": 3}, "settings": "paper"}, "paper"),
        ({"adam": {}, "settings": "tuned"}, "tuned"),
    ],
    ids=str,
)
def test_settings(written: Any, settings: str | None) -> None:
    assert AXES.optimizer(written, nowhere).settings == settings


def test_what_refuses_its_defaults_is_still_an_error() -> None:
    with pytest.raises(UserError, match="steps: expected at least 1, got 0"):
        AXES.optimizer("particular", nowhere)


def test_it_is_built_once() -> None:
    Counted.made = 0
    assert AXES.optimizer("counted", nowhere).settings == "default"
    assert Counted.made == 1
