"""Points of a search, spread evenly over its passes: what a video of it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.space import Space

Array = TypeVar("Array")

MOST = 128  # points that are kept at least, of a search that has as many calls
PREFIX, PASSES = "film.", "film:passes"  # of the names in a file of latents


@dataclass(frozen=True)
class Shot:
    """The point (d,) that was best among those of some calls, and the passes spent by then."""

    passes: int
    point: Tensor
    loss: float
    original: bool

    def beats(self, other: Shot) -> bool:
        """Losses of two frames do not compare; those of the original frame are what counts."""
        if self.original != other.original:
            return self.original
        return self.loss < other.loss


class Film:
    """The best point of each span of passes.

    It only looks: nothing that a search does depends on it. How long a search will be is not known,
    so spans are joined in pairs whenever there are twice as many as are wanted.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most, self._span = most, 1
        self._shots: dict[int, Shot] = {}

    def note(self, passes: int, x: Tensor, losses: Tensor, original: bool) -> None:
        """Points (n, d) were evaluated to losses (n,), in the original or the aligned frame."""
        import torch

        finite = torch.where(losses.isfinite(), losses, torch.inf)
        best = int(finite.argmin())
        self._keep(Shot(passes, x[best].detach().clone(), float(finite[best]), original))
        if len(self._shots) > 2 * self._most:
            self._join()

    def tensors(self, space: Space) -> dict[str, Tensor]:
        """By name, as a file of latents has them: T points of each variable, and passes (T,)."""
        import torch

        shots = [self._shots[k] for k in sorted(self._shots)]
        if not shots:
            return {}
        points = torch.stack([shot.point for shot in shots])
        parts = space.split(points.clamp(min=space.low, max=space.high))
        found = {f"{PREFIX}{name}": value.contiguous() for name, value in parts.items()}
        return {**found, PASSES: torch.tensor([shot.passes for shot in shots])}

    def _keep(self, shot: Shot) -> None:
        span = shot.passes // self._span
        if span not in self._shots or shot.beats(self._shots[span]):
            self._shots[span] = shot

    def _join(self) -> None:
        shots, self._span, self._shots = [*self._shots.values()], 2 * self._span, {}
        for shot in shots:
            self._keep(shot)


def without_film(stored: Mapping[str, Array]) -> dict[str, Array]:
    """The tensors in a file of latents that belong to no film."""
    return {k: v for k, v in stored.items() if not k.startswith(PREFIX) and k != PASSES}


def filmed(latents: bytes) -> bool:
    """Whether a file of latents has a film in it."""
    from safetensors.numpy import load

    return PASSES in load(latents)
