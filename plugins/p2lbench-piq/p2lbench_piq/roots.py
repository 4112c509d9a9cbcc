"""Gradients of piq's measures that stay finite where something under a root is zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_ROOTS = {torch.sqrt, Tensor.sqrt}
_POWERS = {torch.pow, Tensor.pow, Tensor.__pow__}


class FiniteRoots(TorchFunctionMode):
    """Roots of 0 that pass back a gradient of 0, in place of infinity.

    Values are the same to the bit. The library takes lengths of gradients by square roots, which
    are 0 in every flat region, and deviations, which are 0 at the target; 0 times infinity would
    make the gradient of the whole image NaN. For a length, 0 is a subgradient; at the target it
    is that of the minimum.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        options = kwargs or {}
        if func in _ROOTS and _real(args[0]):
            return _away_from_zero(args[0], lambda x: func(x, *args[1:], **options))
        if func in _POWERS and _real(args[0]) and isinstance(args[1], float) and 0 < args[1] < 1:
            return _away_from_zero(args[0], lambda x: func(x, *args[1:], **options))
        return func(*args, **options)


def _real(x: object) -> bool:
    return isinstance(x, Tensor) and x.requires_grad and not x.is_complex()


def _away_from_zero(x: Tensor, root: Callable[[Tensor], Tensor]) -> Tensor:
    zero = x == 0
    return root(x.masked_fill(zero, 1.0)).masked_fill(zero, 0.0)
