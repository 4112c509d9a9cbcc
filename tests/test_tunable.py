"""Ranges and choices: what is tried, and where a value lies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2lbench.tunable import Choices, Range

FRACTIONS = st.floats(0, 1, exclude_max=True)


@given(st.floats(1e-6, 1e3), st.floats(1.1, 1e6), FRACTIONS)
def test_values_lie_in_the_range(low: float, factor: float, u: float) -> None:
    for values in (Range(low, low * factor), Range(-low, low * factor)):
        assert values.low <= values.value(u) <= values.high


@given(st.integers(-5, 50), st.integers(1, 60), FRACTIONS)
def test_whole_numbers_stay_whole(low: int, more: int, u: float) -> None:
    value = Range(low, low + more, whole=True).value(u)
    assert isinstance(value, int)
    assert low <= value <= low + more


def test_every_whole_number_is_met() -> None:
    values = Range(1, 4, "linear", whole=True)
    assert [values.value(k / 8) for k in range(8)] == [1, 1, 2, 2, 3, 3, 4, 4]


def test_positive_ranges_are_logarithmic() -> None:
    assert Range(0.01, 1).value(0.5) == 0.1
    assert Range(0, 1).value(0.5) == 0.5
    assert Range(0.01, 1, "linear").value(0.5) == 0.505
    assert (Range(0.01, 1).scale, Range(0, 1).scale) == ("log", "linear")


def test_values_are_readable() -> None:
    assert Range(1, 10).value(0.123456) == 1.33


@given(FRACTIONS)
def test_a_value_lies_where_it_was_drawn(u: float) -> None:
    for values in (Range(0.01, 1), Range(-3, 5)):
        assert values.fraction(values.value(u)) == pytest.approx(u, abs=2e-3)


@pytest.mark.parametrize("value", [None, "last", True, {"z": 0.1}, 0, -1])
def test_what_has_no_place_on_a_log_scale(value: object) -> None:
    assert Range(0.01, 1).fraction(value) is None


def test_beyond_the_range() -> None:
    assert Range(0.01, 1).fraction(10) == pytest.approx(1.5)
    assert Range(0, 2).fraction(-1) == -0.5


@pytest.mark.parametrize(
    ("low", "high", "scale"),
    [(1, 1, None), (2, 1, None), (0, 1, "log"), (1, float("inf"), None), (float("nan"), 1, None)],
)
def test_no_range(low: float, high: float, scale: str | None) -> None:
    with pytest.raises(ValueError, match="expected"):
        Range(low, high, scale)  # type: ignore[arg-type]


def test_choices_are_equally_likely() -> None:
    values = Choices(["a", "b", "c"])
    assert [values.value(k / 6) for k in range(6)] == ["a", "a", "b", "b", "c", "c"]
    assert values.fraction("a") is None
    with pytest.raises(ValueError, match="at least two"):
        Choices(["a"])
