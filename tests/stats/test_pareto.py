"""The Pareto front by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p2lbench.stats import front

numbers = st.floats(-1e6, 1e6)


def test_front_by_hand() -> None:
    points = [(1.0, 9.0), (2.0, 4.0), (2.0, 5.0), (3.0, 4.0), (4.0, 1.0), (1.0, 9.0)]
    assert front(points) == [True, True, False, False, True, True]
    assert front([]) == []


@given(points=st.lists(st.tuples(numbers, numbers), min_size=1, max_size=12))
def test_every_point_is_on_the_front_or_beaten_by_one_that_is(
    points: list[tuple[float, float]],
) -> None:
    marks = front(points)
    best = [point for point, mark in zip(points, marks, strict=True) if mark]
    assert best
    for point in points:
        assert any(one[0] <= point[0] and one[1] <= point[1] for one in best)
