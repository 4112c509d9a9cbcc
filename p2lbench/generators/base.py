"""What a generator is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from p2lbench.space import Variable

if TYPE_CHECKING:
    from torch import Generator as TorchGenerator
    from torch import Tensor


_Place = Annotated[float, Field(ge=0, le=1)]
_Share = Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True)
class ObjectStats:
    """Where a generator puts its objects, as fractions of the image's height and width.

    It may be the type of an option: suites then write `{center: [0.5, 0.5], size: [0.8, 0.8]}`,
    and the numbers are checked.
    """

    center: tuple[_Place, _Place]
    size: tuple[_Share, _Share]


def check_truncation(value: float) -> None:
    """Raises: ValueError if it is not above 0 and at most 1."""
    if not 0 < value <= 1:
        raise ValueError(f"truncation: expected above 0 and at most 1, got {value:g}")


class Generator:
    """Makes images from latents. Constructing one is cheap; `load` reads the weights.

    `size`: (height, width) of its images, or one number. `variables`: what it takes, with priors,
    bounds, step sizes and roles; `variable_names` their names, if they are known before the weights
    are read, so that a suite's `roles` can be checked. `classes`: the names of its classes, if
    `conditional`.
    `object_stats`: what masks are pre-aligned to. `fill`: the value, in [-1, 1], of what lies
    outside its images. `weights`: names in the weights catalogue. `files`: paths of what it reads
    besides, such as a file that an option names; what is in them decides cells' ids.
    `cites`: the works to cite, BibTeX entries or keys of references.bib.
    `default_loss`, `default_metrics`: what a suite that names none gets.
    """

    size: tuple[int, int] | int
    variables: tuple[Variable, ...]
    classes: tuple[str, ...] = ()
    conditional: bool = False
    variable_names: tuple[str, ...] = ()
    object_stats: ObjectStats | None = None
    fill: float = 0.0
    weights: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    cites: tuple[str, ...] = ()
    default_loss: Mapping[str, float] | None = None
    default_metrics: tuple[str, ...] = ()

    def load(self, device: str) -> None:
        """Read the weights, frozen, onto a device. Called once, before anything below."""

    def forward(self, **latents: Tensor) -> Tensor:
        """name → (n, *shape), to images (n, 3, H, W) in [-1, 1]; differentiable."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def embed(self, class_ids: Tensor) -> Tensor:
        """(n,) class indices → class vectors (n, …), for conditional generators."""
        raise NotImplementedError(f"{type(self).__name__} has no classes")

    def parameters(self) -> Mapping[str, Tensor]:
        """The weights that fine-tuning may change, by name: leaves that `forward` uses as they
        stand, so that its images follow what is done to them in place. Called after `load`.

        By default the parameters of the networks among its attributes. Buffers, such as the
        statistics of batch norm, are not. None: it cannot be fine-tuned.
        """
        from torch import nn

        networks = {name: own for name, own in vars(self).items() if isinstance(own, nn.Module)}
        found: dict[int, tuple[str, Tensor]] = {}
        for attribute, network in networks.items():
            for name, tensor in network.named_parameters():
                found.setdefault(id(tensor), (f"{attribute.lstrip('_')}.{name}", tensor))
        return dict(found.values())

    def draw(self, count: int, rng: TorchGenerator) -> dict[str, Tensor]:
        """name → (count, *shape): samples of the network's own distribution.

        Here independent draws of the prior, within the bounds, the classes in turn. What makes its
        latents from others, as w from z, draws them so.
        """
        from p2lbench.draws import from_prior

        return from_prior(self, count, rng)

    def features(self, **latents: Tensor) -> Tensor | None:
        """name → (n, *shape), to features (n, m) whose principal components are worth moving along;
        None: those of small copies of the images."""
        return None

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.size if isinstance(self.size, tuple) else (self.size, self.size)
