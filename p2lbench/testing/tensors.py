"""Images to try things on, and how tensors are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from p2lbench.testing.check import Violation

STEPS = (1e-1, 1e-2, 1e-3)  # of finite differences: one of them suits
SLOPE_TOLERANCE = 0.1  # kinks, as where the order of channels changes, are in every step
ROUNDING = 3e-6


def noise(*shape: int, seed: int = 0) -> Tensor:
    """Normal draws, of a stream of their own."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def smooth_images(n: int, height: int, width: int, seed: int = 0) -> Tensor:
    """(n, 3, height, width) of a few slow waves, within ±0.8."""
    y = torch.linspace(0, 1, height)[:, None]
    x = torch.linspace(0, 1, width)[None, :]
    waves = [torch.cos(torch.pi * (i * y + j * x + i * j)) for i in range(3) for j in range(3)]
    weights = noise(n, 3, 9, seed=seed)
    weights = 0.8 * weights / weights.abs().sum(2, keepdim=True)
    return torch.einsum("nck,khw->nchw", weights, torch.stack(waves))


def apart(a: Tensor, b: Tensor) -> float:
    """The largest difference of any element; infinite where one of them is NaN."""
    return float((a - b).abs().nan_to_num(torch.inf).max()) if a.numel() else 0.0


@contextmanager
def unchanged(**given: Tensor) -> Iterator[None]:
    """Raises Violation if a tensor is changed in place."""
    before = {name: (tensor._version, tensor.clone()) for name, tensor in given.items()}
    yield
    for name, tensor in given.items():
        version, copy = before[name]
        if tensor._version != version or not torch.equal(tensor.nan_to_num(), copy.nan_to_num()):
            raise Violation(
                f"{name} as they were given",
                "a tensor that was changed in place",
                "Work on a clone: such a cell fails.",
            )


def check_gradient(what: str, f: Callable[[Tensor], Tensor], x: Tensor) -> None:
    """Raises Violation if the gradient of `f`, a sum of terms, is not its slope at `x`.

    `f` maps a tensor to terms of any shape; the slope is that of their sum along three directions.
    """
    leaf = x.clone().requires_grad_(True)
    terms = f(leaf)
    if not terms.requires_grad:
        raise Violation(
            f"{what} to be differentiable",
            "no gradient",
            "Compute in torch alone: no detach, no .data, no NumPy, no torch.no_grad.",
        )
    (gradient,) = torch.autograd.grad(terms.sum(), leaf, allow_unused=True)
    if gradient is None:
        gradient = torch.zeros_like(x)
    if not bool(gradient.isfinite().all()):
        raise Violation(f"a finite gradient of {what}", "NaN or infinity")
    for seed in range(3):
        check_slope(what, f, x, gradient, noise(*x.shape, seed=seed))


def check_slope(
    what: str, f: Callable[[Tensor], Tensor], x: Tensor, gradient: Tensor, direction: Tensor
) -> None:
    """Raises Violation if a gradient of `f` at `x` is not its slope along a direction."""
    claimed = float((gradient.double() * direction.double()).sum())
    # A slope of about zero is a sum of terms that cancel, and no more exact than they are.
    usual = float(gradient.double().norm() * direction.double().square().mean().sqrt())
    found = []
    with torch.no_grad():
        for step in STEPS:
            terms = [f(x + sign * step * direction).double() for sign in (1, -1)]
            slope = float((terms[0] - terms[1]).sum()) / (2 * step)
            rounding = ROUNDING * float(terms[0].abs().sum().sqrt()) / step
            found.append(slope)
            scale = max(abs(slope), abs(claimed), usual)
            if abs(slope - claimed) <= SLOPE_TOLERANCE * scale + rounding:
                return
    raise Violation(
        f"the gradient of {what} to be its slope",
        f"{claimed:.4g} from backward, and {found[1]:.4g} from differences",
        "Is something detached, rounded, or computed outside of torch?",
    )


def clones(given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A copy of every tensor."""
    return {name: tensor.clone() for name, tensor in given.items()}
