"""A batch in parts: how many candidates go through generator and losses at once.

The number depends on the cell alone, never on the machine's free memory or the other workers, so
that a cell's numbers are the same wherever it runs. It is the largest power of two whose gradient
keeps within `LIMITS`; one candidate, if none does.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

LIMITS = {"cpu": 2**30, "cuda": 2**32}  # bytes, by the device's type
LARGEST = 2**16  # candidates


def size(needed: int, device: str) -> int:
    """How many candidates go at once, if the gradient of one needs so many bytes."""
    limit = LIMITS.get(torch.device(device).type, LIMITS["cpu"])
    fit = min(LARGEST, max(1, limit // max(1, needed)))
    return 1 << (fit.bit_length() - 1)


def in_parts(function: Callable[[Tensor, slice], Tensor], x: Tensor, size: int) -> Tensor:
    """What a function makes of the rows x (n, D), whose rows do not depend on each other, with at
    most `size` of them at a time.

    Args:
        function: of some rows and where they stand, to (their number, …). If a gradient is asked
            for, its result has no other dimension.
    """
    if len(x) <= size:
        return function(x, slice(0, len(x)))
    parts = [slice(i, min(i + size, len(x))) for i in range(0, len(x), size)]
    if torch.is_grad_enabled() and x.requires_grad:
        result: Tensor = _InParts.apply(x, function, parts)
        return result
    return torch.cat([function(x[part], part) for part in parts])


def rows_of(tensors: Mapping[str, Tensor], part: slice, n: int) -> dict[str, Tensor]:
    """What belongs to some of n rows; what has not n of its own belongs to all."""
    return {name: t[part] if t.ndim and len(t) == n else t for name, t in tensors.items()}


class _InParts(torch.autograd.Function):
    """Each part's slopes are taken at once, so that no graph is kept but one part's."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, function: Callable[[Tensor, slice], Tensor], parts: list[slice]
    ) -> Tensor:
        values, slopes = zip(*_slopes(x, function, parts), strict=True)
        ctx.save_for_backward(torch.cat(slopes))
        return torch.cat(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (slopes,) = ctx.saved_tensors
        return gradients[0][:, None] * slopes, None, None


def _slopes(
    x: Tensor, function: Callable[[Tensor, slice], Tensor], parts: list[slice]
) -> Iterator[tuple[Tensor, Tensor]]:
    for part in parts:
        with torch.enable_grad():
            rows = x[part].detach().requires_grad_(True)
            values = function(rows, part)
            (slopes,) = torch.autograd.grad(values.sum(), rows)
        yield values.detach(), slopes


class Meter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all tensors that are made inside; `peak` is the most at one time."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live: int = 0
        self.peak: int = 0
        self._seen: set[int] = set()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Told to, torch would import its compiler, which takes two seconds."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for given in _tensors((args, kwargs)):  # weights: their views are no new tensors
            self._see(given.untyped_storage(), made=False)
        result = func(*args, **(kwargs or {}))
        for found in _tensors(result):
            self._see(found.untyped_storage(), made=True)
        return result

    def _see(self, storage: torch.UntypedStorage, made: bool) -> None:
        key, count = id(storage), storage.nbytes() if made else 0
        if key in self._seen:
            return
        self._seen.add(key)
        self.live += count
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._freed, key, count)

    def _freed(self, key: int, count: int) -> None:
        self._seen.discard(key)
        self.live -= count


def _tensors(nested: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(nested) if isinstance(leaf, Tensor))
