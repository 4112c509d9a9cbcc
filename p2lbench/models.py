"""The plugins that a worker keeps warm: generators, losses, inits and classifiers, loaded once."""

from __future__ import annotations

from typing import Any

from p2lbench.options import build
from p2lbench.registry import Registry
from p2lbench.spec import Spec, canonical


class Models:
    """Built and loaded instances by spec. One generator at a time: they are what is large."""

    def __init__(self, registry: Registry, device: str) -> None:
        self.registry, self.device = registry, device
        self._loaded: dict[str, Any] = {}
        self._generator: str | None = None
        self.warm: dict[str, int] = {}  # what has run once, and the bytes that it took

    def fresh(self, spec: Spec) -> Any:
        """A new instance, for what keeps state (optimizers, transforms)."""
        return build(spec, self.registry)

    def get(self, spec: Spec) -> Any:
        """The loaded instance for a spec."""
        key = canonical([spec.kind, spec.plain()])
        if spec.kind == "generators" and self._generator != key:
            self._loaded.pop(self._generator or "", None)
            self._generator = key
        if key not in self._loaded:
            instance = build(spec, self.registry)
            if hasattr(instance, "load"):
                instance.load(self.device)
            self._loaded[key] = instance
        return self._loaded[key]
