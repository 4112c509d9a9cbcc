"""What a suite names, resolved: plugins with their options, and what stands on each axis."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

AXES = ("generators", "losses", "transforms", "inits", "optimizers")
Protocol = Literal["paper", "equal"]
Settings = Literal["tuned", "default", "paper"]
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True)
class Spec:
    """A plugin's name and all its options, defaults filled in; an option may be a Spec itself."""

    kind: str
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As JSON-ready mappings, nested specs included."""
        return {"name": self.name, "options": {k: _plain(v) for k, v in self.options.items()}}


@dataclass(frozen=True)
class WeightedLoss:
    """A weighted sum of losses (paper, eq. 3: l1 + 10 * perceptual)."""

    label: str
    terms: tuple[tuple[Spec, float], ...]

    def plain(self) -> Any:
        return [[spec.plain(), weight] for spec, weight in self.terms]


@dataclass(frozen=True)
class Search:
    """The paper's search for a transform's parameters (Algorithm 1, lines 2-12)."""

    outer: Spec
    inner: Spec
    outer_steps: int = 30
    inner_steps: int = 30
    sigma: float = 0.316
    redraw: str = "ema"


@dataclass(frozen=True)
class TransformChain:
    """Transforms applied in order; `search` is None where phi0 is kept or there is nothing."""

    label: str
    parts: tuple[Spec, ...] = ()
    search: Search | None = None

    def plain(self) -> Any:
        search = None if self.search is None else _plain(vars(self.search))
        return {"parts": [part.plain() for part in self.parts], "search": search}


@dataclass(frozen=True)
class InitMap:
    """Inits, each for one variable ('class' stands for the class vector)."""

    label: str
    parts: tuple[tuple[str, Spec], ...] = ()

    def plain(self) -> Any:
        return [[variable, spec.plain()] for variable, spec in self.parts]


@dataclass(frozen=True)
class Named:
    """A generator or an optimizer and the name of its row.

    `settings`: how an optimizer's options were chosen, if that is known; a label, no part of it.
    """

    label: str
    spec: Spec
    settings: Settings | None = None

    def plain(self) -> Any:
        return self.spec.plain()


@dataclass(frozen=True)
class Method:
    """One point of the axes: what a leaderboard's row stands for."""

    generator: Named
    loss: WeightedLoss
    transform: TransformChain
    init: InitMap
    optimizer: Named

    @property
    def row(self) -> tuple[str, str, str, str, str]:
        """The row names in the order of the axes."""
        return (
            self.generator.label,
            self.loss.label,
            self.transform.label,
            self.init.label,
            self.optimizer.label,
        )

    def plain(self) -> dict[str, Any]:
        """All that decides the outcome; no row names."""
        return {name: _plain(value) for name, value in vars(self).items()}


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return _CANONICAL.encode(value)


def digest(value: Any) -> str:
    """SHA-256 of a value's canonical JSON."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if hasattr(value, "plain"):
        return value.plain()
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value
