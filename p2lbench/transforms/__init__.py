"""Built-in transforms."""

from __future__ import annotations

from p2lbench.hookspecs import Register, hookimpl


@hookimpl
def register_transforms(register: Register) -> None:
    register("none", "p2lbench.transforms.none:NoTransform", summary="no transform")
