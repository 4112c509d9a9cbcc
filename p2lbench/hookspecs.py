"""The hooks a plugin may implement; built-ins register through the same ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import pluggy

PROJECT = "p2lbench"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Register(Protocol):
    """What every hook is handed.

    `name`: lower case letters, digits, `-`, `+`, `:`, `.`. A name that ends in `:` is a family:
    what a suite writes behind the colon becomes the factory's `name` option.
    `factory`: a class or function whose typed keyword parameters are the options, or the string
    `"module:attribute"`, imported when first needed.
    """

    def __call__(
        self, name: str, factory: Callable[..., Any] | str, *, summary: str | None = None
    ) -> None: ...


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
