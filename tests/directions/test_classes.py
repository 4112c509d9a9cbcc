"""Changes of class."""

from __future__ import annotations

import pytest
import torch
from directions.generators import Classy, Linear

from p2lbench.directions.classes import class_change
from p2lbench.errors import UserError

HERE = {"z": torch.zeros(1, 6), "c": torch.tensor([[0.5, 1.5]])}


def test_from_where_it_is_to_the_class() -> None:
    change = class_change(Classy(), "bag")
    assert change.moved(HERE, 0.0)["c"].equal(HERE["c"])
    assert change.moved(HERE, 1.0)["c"].tolist() == [[2.0, 0.0]]
    assert change.moved(HERE, 0.5)["c"].tolist() == [[1.25, 0.75]]
    assert [*change.moved(HERE, 0.5)] == ["c"]
    assert change.name == "class bag"


def test_by_number() -> None:
    assert class_change(Classy(), "2").class_name == "coat"


@pytest.mark.parametrize("asked", ["bagg", "3", "-1", ""])
def test_unknown(asked: str) -> None:
    with pytest.raises(UserError, match=r"--class: no class .*There are: ankle boot, bag, coat"):
        class_change(Classy(), asked)
    with pytest.raises(UserError, match="Did you mean 'bag'"):
        class_change(Classy(), "bagg")


def test_a_generator_without_classes() -> None:
    with pytest.raises(UserError, match=r"Linear has no classes.*--direction pca:0"):
        class_change(Linear(), "bag")
