"""The true transform of an image, where a suite knows it: names and phi, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from p2lbench.checks import Problems
from p2lbench.errors import UserError
from p2lbench.options import build, resolve
from p2lbench.registry import Registry
from p2lbench.spec import Spec
from p2lbench.yamlfile import Locate, always, below

Truth = tuple[tuple[Spec, tuple[float, ...]], ...]


def read_truth(written: Mapping[str, Sequence[float]], locate: Locate, registry: Registry) -> Truth:
    """`{spatial: [1, 1, 0.3, 0], color: [0.6]}`, in the order in which they are applied.

    Raises:
        UserError: an unknown transform, another number of parameters than it has, or one outside
            its limits; `SuiteErrors` if several things are wrong.
    """
    problems, found = Problems(), []
    for name, values in written.items():
        with problems.catch():
            spec = resolve(registry, "transforms", name, always(locate(name)))
            _check(name, values, build(spec, registry), below(locate, name))
            found.append((spec, tuple(values)))
    problems.check()
    return tuple(found)


def _check(name: str, values: Sequence[float], transform: Any, locate: Locate) -> None:
    if not transform.dim or len(values) != transform.dim:
        message = f"parameters of '{name}': expected {transform.dim}, got {len(values)}"
        raise UserError(message, locate())
    for k, (value, limits) in enumerate(zip(values, transform.limits or (), strict=False)):
        if not limits[0] <= value <= limits[1]:
            message = f"'{name}' expects {limits[0]:g} to {limits[1]:g} here, got {value:g}"
            raise UserError(message, locate(k))
