"""Roots with a gradient at zero."""

import pytest
import torch
from p2lbench_piq.roots import FiniteRoots


@pytest.mark.parametrize(
    "root", [torch.sqrt, torch.Tensor.sqrt, lambda x: x**0.25, lambda x: torch.pow(x, 0.5)]
)
def test_values_are_the_same_and_slopes_differ_at_zero_alone(root):
    x = torch.tensor([0.0, 1e-12, 0.3, 4.0])
    plain, finite = x.clone().requires_grad_(), x.clone().requires_grad_()
    expected = root(plain)
    with FiniteRoots():
        found = root(finite)
    assert torch.equal(found, expected)
    expected.sum().backward()
    found.sum().backward()
    assert plain.grad[0].isinf()
    assert finite.grad[0] == 0
    assert torch.equal(finite.grad[1:], plain.grad[1:])


def test_other_powers_are_left_alone():
    x = torch.tensor([0.0, 2.0], requires_grad=True)
    with FiniteRoots():
        (x**2 + torch.pow(x, 1.5) + x.pow(1)).sum().backward()
    assert x.grad.tolist() == pytest.approx([1.0, 5 + 1.5 * 2**0.5])
