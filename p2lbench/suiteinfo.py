"""What a table must say of the run as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from p2lbench.errors import StoreError
from p2lbench.reference.told import Told
from p2lbench.runtimes import Frozen
from p2lbench.store import Store


@dataclass(frozen=True)
class SuiteInfo:
    """Kept in the store's header.

    `losses`: row name of a loss → names of its terms. `budget`: as the suite gives it.
    `settings`: row name of an optimizer → how its options were chosen. `tuned_on`: the metric by
    which they were, if it was not the objective. `tune_images`: how many the table leaves out.
    `baseline`: row name of the optimizer that others are compared to. `classes`: image → class.
    `uncoupled`: the rows whose candidates do not influence each other. `targets`: what the suite
    names as such, for the rows and images that were planned. `parts`: axis → row name → the plugins
    in it. `cites`: plugin → what it asks to be cited for (see citations.py).
    `reference`: rows that were not run here. `experiment`: the paper's, of which the suite is an
    edition. `groups`: image → the group of classes that it was drawn from, if there are several.
    `weights`: name → `published`, `recorded` (at its first download) or `added` (by the user).
    """

    name: str
    candidates: int
    repeats: int
    protocol: str
    losses: Mapping[str, tuple[str, ...]]
    budget: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    settings: Mapping[str, str | None] = field(default_factory=dict)
    tuned_on: str | None = None
    tune_images: int = 0
    baseline: str | None = None
    classes: Mapping[str, str] = field(default_factory=dict)
    uncoupled: tuple[tuple[str, ...], ...] = ()
    targets: Frozen | None = None
    parts: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    cites: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reference: Told | None = None
    experiment: str | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """JSON-ready, for `Store.set_header`."""
        return asdict(self)

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> SuiteInfo:
        """The inverse of `plain`. Raises: TypeError, KeyError if it is not one."""
        losses = {label: tuple(terms) for label, terms in plain["losses"].items()}
        uncoupled = tuple(tuple(row) for row in plain.get("uncoupled", ()))
        targets = None if plain.get("targets") is None else Frozen.read(plain["targets"])
        parts = {axis: _tuples(rows) for axis, rows in plain.get("parts", {}).items()}
        read = {
            "losses": losses,
            "notes": tuple(plain["notes"]),
            "uncoupled": uncoupled,
            "targets": targets,
            "parts": parts,
            "reference": Told.read(plain.get("reference")),
            "cites": _tuples(plain.get("cites", {})),
        }
        return cls(**{**plain, **read})


def suite_of(store: Store) -> SuiteInfo:
    """What was run in a folder. Raises: StoreError if no run got as far as planning."""
    header = store.header()
    if not header:
        raise StoreError(f"{store.folder}: no run has been planned here yet; run the suite first")
    return SuiteInfo.read(header)


def _tuples(plain: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(values) for name, values in plain.items()}
