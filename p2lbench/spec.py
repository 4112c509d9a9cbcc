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
        options = {k: _plain(v) for k, v in self.options.items()}
        return {"kind": self.kind, "name": self.name, "options": options}

    @classmethod
    def read(cls, plain: Any) -> Spec:
        """The inverse of `plain`. Raises: KeyError, TypeError if it is not one."""
        options = {str(key): _read(value) for key, value in plain["options"].items()}
        return cls(str(plain["kind"]), str(plain["name"]), options)


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

    @property
    def mask_scoring(self) -> str:
        """`hard` with a transform, else `soft`: what CONTRACTS has where a suite does not say."""
        return "hard" if self.transform.parts else "soft"

    def plain(self) -> dict[str, Any]:
        """All that decides the outcome; no row names."""
        return {name: _plain(value) for name, value in vars(self).items()}

    @classmethod
    def read(cls, plain: Any, row: tuple[str, str, str, str, str]) -> Method:
        """The inverse of `plain`, with its row names.

        Raises:
            KeyError, TypeError, ValueError: it is not one.
        """
        generator, loss, transform, init, optimizer = row
        search = plain["transform"]["search"]
        return cls(
            Named(generator, Spec.read(plain["generator"])),
            WeightedLoss(loss, tuple((Spec.read(s), float(w)) for s, w in plain["loss"])),
            TransformChain(
                transform,
                tuple(map(Spec.read, plain["transform"]["parts"])),
                None if search is None else Search(**{k: _read(v) for k, v in search.items()}),
            ),
            InitMap(init, tuple((variable, Spec.read(spec)) for variable, spec in plain["init"])),
            Named(optimizer, Spec.read(plain["optimizer"])),
        )


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return _CANONICAL.encode(value)


def digest(value: Any) -> str:
    """SHA-256 of a value's canonical JSON."""
    return hashed(canonical(value))


def hashed(text: str) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if hasattr(value, "plain"):
        return value.plain()
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value


def _read(value: Any) -> Any:
    """What `_plain` made: a mapping of a spec's three keys is a spec."""
    if isinstance(value, Mapping):
        if value.keys() == {"kind", "name", "options"}:
            return Spec.read(value)
        return {key: _read(item) for key, item in value.items()}
    return [_read(item) for item in value] if isinstance(value, list) else value
