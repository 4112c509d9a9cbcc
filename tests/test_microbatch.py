"""Batches in parts: the same numbers, and how many go at once."""

from __future__ import annotations

import gc

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from p2lbench import microbatch
from p2lbench.microbatch import LIMITS, Meter, in_parts, rows_of, size


def square(rows: torch.Tensor, _: slice) -> torch.Tensor:
    return rows.square().sum(1)


@given(n=st.integers(1, 9), most=st.integers(1, 10))
def test_parts_give_the_values_and_slopes_of_the_whole(n, most):
    x = torch.randn(n, 3, generator=torch.Generator().manual_seed(n)).requires_grad_(True)
    weights = torch.arange(1.0, n + 1)
    values = in_parts(square, x, most)
    (slopes,) = torch.autograd.grad((weights * values).sum(), x)
    torch.testing.assert_close(values, x.square().sum(1))
    torch.testing.assert_close(slopes, 2 * weights[:, None] * x)
    with torch.no_grad():
        torch.testing.assert_close(in_parts(square, x, most), values)


def test_no_call_gets_more_rows_than_it_may():
    seen: list[tuple[int, slice]] = []

    def look(rows: torch.Tensor, part: slice) -> torch.Tensor:
        seen.append((len(rows), part))
        return rows.sum(1)

    in_parts(look, torch.zeros(5, 2), 2)
    assert seen == [(2, slice(0, 2)), (2, slice(2, 4)), (1, slice(4, 5))]


def test_prepared_tensors_go_with_their_rows():
    prepared = {
        "one": torch.zeros(1, 4),
        "each": torch.arange(6)[:, None],
        "number": torch.tensor(1.0),
        "layers": torch.zeros(3, 2),
    }
    part = rows_of(prepared, slice(2, 4), 6)
    assert all(part[name] is prepared[name] for name in ("one", "number", "layers"))
    assert part["each"].flatten().tolist() == [2, 3]


@pytest.mark.parametrize(
    ("needed", "expected"),
    [(2**30, 1), (2**31, 1), (2**30 // 3, 2), (2**28, 4), (2**28 - 1, 4), (0, 2**16)],
)
def test_the_size_is_the_largest_power_of_two_that_fits(needed, expected):
    assert LIMITS["cpu"] == 2**30
    assert size(needed, "cpu") == expected
    assert size(needed, "cuda:1") == min(4 * expected, microbatch.LARGEST) or needed == 2**31


def test_the_meter_counts_what_is_alive_at_one_time():
    weight = torch.ones(100, 100)
    with Meter() as meter:
        first = torch.ones(1000)
        second = first * 2
        del first
        second.add_(1)
        third = second[:10].clone()
        del second
        kept = weight.t() @ torch.ones(100)
    assert meter.peak == 8000
    gc.collect()
    assert meter.live == third.nbytes + kept.nbytes


def test_the_meter_sees_what_autograd_keeps():
    x = torch.ones(1000, requires_grad=True)
    with Meter() as meter:
        torch.autograd.grad((x * 2).exp().sin().sum(), x)
    assert 3 * x.nbytes <= meter.peak <= 6 * x.nbytes
