"""Strengths as a command has them."""

from __future__ import annotations

import pytest

from p2lbench.editing.strengths import read_strengths
from p2lbench.errors import UserError


def test_one_and_several() -> None:
    assert read_strengths("0.5") == (0.5,)
    assert read_strengths("0:1") == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert read_strengths("-3:3:3") == (-3.0, 0.0, 3.0)
    assert read_strengths("1:0:2") == (1.0, 0.0)


@pytest.mark.parametrize(
    "text", ["", "a", "1:", ":", "0:1:2:3", "nan", "0:inf", "0:1:x", "0:1:1", "0:1:101", "0:1:2.5"]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(UserError, match="--strength"):
        read_strengths(text)
