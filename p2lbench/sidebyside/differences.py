"""By what two rows of one name differ, as far as their ids tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

_DIGITS = 8  # of a hash


class Difference(NamedTuple):
    """Where two runs differ, and what the first and the second have there; None: nothing."""

    what: str
    first: Any
    second: Any


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Between all that decides the cells of two rows; empty if either is not known."""
    if not first or not second:
        return ()
    ours, theirs = dict(_flat(_readable(first))), dict(_flat(_readable(second)))
    keys = dict.fromkeys([*ours, *theirs])
    pairs = ((key, ours.get(key), theirs.get(key)) for key in keys)
    return tuple(Difference(*found) for found in pairs if found[1] != found[2])


def _readable(decided: Mapping[str, Any]) -> dict[str, Any]:
    """Plugins by name and version; `method.optimizer` as `optimizer`; hashes cut."""
    rest = {k: v for k, v in decided.items() if k not in ("method", "origins", "weights")}
    weights = {name: digest[:_DIGITS] for name, digest in decided.get("weights", {}).items()}
    plugins = {o.get("name", "a plugin file"): _version(o) for o in decided.get("origins", ())}
    return {**decided.get("method", {}), **rest, "weights": weights, "version": plugins}


def _version(origin: Mapping[str, str | None]) -> str:
    source = origin.get("source")
    parts = [origin.get("version"), f"source {source[:_DIGITS]}" if source else None]
    return ", ".join(part for part in parts if part)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted path → value; lists count from 0."""
    items: Sequence[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    else:
        yield path, value
    for key, inner in items:
        if key != "kind":
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
