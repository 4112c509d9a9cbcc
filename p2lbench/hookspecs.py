"""The hooks a plugin may implement; built-ins register through the same ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

if TYPE_CHECKING:
    from p2lbench.weights.catalogue import Weights

PROJECT = "p2lbench"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Register(Protocol):
    """What the hooks of the six kinds are handed.

    `name`: lower case letters, digits, `-`, `+`, `:`, `.`. A name that ends in `:` is a family:
    what a suite writes behind the colon becomes the factory's `name` option.
    `factory`: a class or function whose typed keyword parameters are the options, or the string
    `"module:attribute"`, imported when first needed.
    """

    def __call__(
        self, name: str, factory: Callable[..., Any] | str, *, summary: str | None = None
    ) -> None: ...


class RegisterWeights(Protocol):
    """What `register_weights` is handed: it takes an entry of the catalogue as it is."""

    def __call__(self, weights: Weights) -> None: ...


@hookspec
def register_generators(register: Register) -> None:
    """Register factories of `p2lbench.api.Generator`."""


@hookspec
def register_losses(register: Register) -> None:
    """Register factories of `p2lbench.api.Loss`; every loss can also be named as a metric."""


@hookspec
def register_metrics(register: Register) -> None:
    """Register factories of `p2lbench.api.Loss` that are measured but never optimised."""


@hookspec
def register_transforms(register: Register) -> None:
    """Register factories of `p2lbench.api.Transform`."""


@hookspec
def register_inits(register: Register) -> None:
    """Register factories of `p2lbench.api.Init`."""


@hookspec
def register_optimizers(register: Register) -> None:
    """Register factories of `p2lbench.api.Optimizer`."""


@hookspec
def register_weights(register: RegisterWeights) -> None:
    """Add files to the catalogue of weights (`p2lbench.api.Weights`)."""
