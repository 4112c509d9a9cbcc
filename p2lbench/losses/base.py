"""What a loss and a metric are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_PLAIN = {
    "colour range": "[-1, 1], three channels",
    "clamping": "none",
    "resize": "none",
    "rounding": "none",
    "network": "none",
    "version": "1",
    "reduction": "per image: mean over the mask",
    "source": "p2lbench",
}


def protocol(**statements: str) -> Mapping[str, str]:
    """A protocol: what is given, and for the rest that nothing is done.

    Keys: colour_range, clamping, resize, rounding, network, version, reduction, source.
    """
    given = {key.replace("_", " "): value for key, value in statements.items()}
    if unknown := given.keys() - _PLAIN.keys():
        raise ValueError(f"a protocol has no {', '.join(sorted(unknown))}")
    return {**_PLAIN, **given}


class Loss:
    """A distance between images and a target; lower is better.

    Used in three steps: `load` once, `prepare` once per target (and per phi), then a call per
    step. A metric is a loss with `objective = False`.

    ```python
    loss = L1()
    loss.load("cpu")
    prepared = loss.prepare(targets, masks)
    values = loss(images, prepared)  # (n,)
    ```

    A plugin that needs only the target and the mask overrides `__call__` alone: the default
    `prepare` hands on `{"target": targets, "mask": masks}`.
    """

    weights: tuple[str, ...] = ()
    """Names in the weights catalogue that it cannot work without."""

    files: tuple[str, ...] = ()
    """Paths of what it reads besides; what is in them decides cells' ids and metrics' values."""

    cites: tuple[str, ...] = ()
    """The works to cite: BibTeX entries, or keys of p2lbench's references.bib."""

    network: str | None = None
    """The perceptual network whose passes the ledger counts; None for pixel distances."""

    higher_is_better: bool = False

    objective: bool = True
    """Whether it can be optimised; False for what is only measured."""

    min_size: int = 1
    """The smallest image side, in pixels, that it accepts; smaller ones raise in `prepare`."""

    @property
    def protocol(self) -> Mapping[str, str]:
        """How the number comes about: colour range, clamping, resize, rounding, network, version,
        reduction, source."""
        return protocol()

    def load(self, device: torch.device | str) -> None:
        """Read what it needs and move it to `device`. Called before `prepare`; idempotent.

        Raises:
            WeightsMissing: a file it needs is not on this machine.
        """

    def prepare(self, targets: Tensor, masks: Tensor) -> Mapping[str, Tensor]:
        """All that depends on the target alone.

        Args:
            targets: (1 or n, 3, H, W) in [-1, 1].
            masks: (1 or n, 1, H, W) in [0, 1].

        Returns:
            Tensors whose first dimension is 1 or n.

        Raises:
            EmptyMask: a mask is zero everywhere.
            ValueError: shapes or ranges are wrong.
        """
        check(targets, masks, self.min_size)
        return {"target": targets, "mask": masks}

    def __call__(self, images: Tensor, prepared: Mapping[str, Tensor]) -> Tensor:
        """The distance of each image to its target.

        Args:
            images: (n, 3, H, W) in [-1, 1].
            prepared: what `prepare` returned, for one target or for n.

        Returns:
            (n,), differentiable in `images` if `objective`.
        """
        raise NotImplementedError


class EmptyMask(ValueError):
    """Masks that are zero everywhere, so that no mean over them exists; `rows` says which."""

    def __init__(self, rows: tuple[int, ...]) -> None:
        super().__init__(f"empty mask (row {', '.join(map(str, rows))}): nothing to compare inside")
        self.rows = rows


def check(targets: Tensor, masks: Tensor, min_size: int = 1) -> None:
    """Refuse targets and masks that no loss can use.

    The target's range is not enforced to the letter, because a colour transform may leave
    [-1, 1]; what is caught is pixels in 0..255.

    Raises:
        EmptyMask: a mask is zero everywhere.
        ValueError: shapes or ranges are wrong.
    """
    if targets.ndim != 4 or targets.shape[1] != 3 or not targets.is_floating_point():
        raise ValueError(f"expected float targets (n, 3, H, W), got {_describe(targets)}")
    if masks.ndim != 4 or masks.shape[1] != 1 or not masks.is_floating_point():
        raise ValueError(f"expected float masks (n, 1, H, W), got {_describe(masks)}")
    if masks.shape[-2:] != targets.shape[-2:]:
        raise ValueError(
            f"expected masks of the targets' size, got masks {tuple(masks.shape)} "
            f"for targets {tuple(targets.shape)}"
        )
    if min(targets.shape[-2:]) < min_size:
        height, width = targets.shape[-2:]
        raise ValueError(f"expected images of at least {min_size} pixels, got {height} x {width}")
    if not bool((targets.abs() <= 8).all()):
        raise ValueError("expected targets in [-1, 1], got values beyond 8 or not finite")
    if not bool(((masks >= 0) & (masks <= 1.0001)).all()):
        raise ValueError("expected masks in [0, 1], got values outside or not finite")
    empty = masks.sum(dim=(1, 2, 3)) == 0
    if bool(empty.any()):
        raise EmptyMask(tuple(empty.nonzero().flatten().tolist()))


def _describe(tensor: Tensor) -> str:
    return f"{tensor.dtype} {tuple(tensor.shape)}"
