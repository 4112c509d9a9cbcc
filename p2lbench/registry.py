"""Name → factory and origin. A name claimed twice is an error that names both origins."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from p2lbench.errors import PluginError, UserError, did_you_mean

KINDS = ("generators", "losses", "metrics", "transforms", "inits", "optimizers")
NAME = re.compile(r"[a-z0-9][a-z0-9+:.\-]*")


def singular(kind: str) -> str:
    """`losses` → `loss`, `optimizers` → `optimizer`; `weights` have none."""
    return {"losses": "loss", "weights": "weights"}.get(kind, kind[:-1])


@dataclass(frozen=True)
class Origin:
    """Where a factory comes from.

    `name` is a distribution's or a file's; `source` the SHA-256 of its code where that can change
    without the version doing so (editable installs, single files).
    """

    name: str
    version: str | None = None
    source: str | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.version}" if self.version else self.name

    def plain(self) -> dict[str, str | None]:
        """What of it decides a cell. A single file is its content: where it lies and what it is
        called decide nothing."""
        file = self.version is None and self.source is not None
        return {
            **({} if file else {"name": self.name, "version": self.version}),
            "source": self.source,
        }


@dataclass(frozen=True)
class Entry:
    """One registered factory; of the kind `weights`, a function that returns the `Weights`."""

    kind: str
    name: str
    factory: Callable[..., Any] | str
    origin: Origin
    summary: str = ""

    @property
    def title(self) -> str:
        """What messages call it: `optimizer 'adam'`."""
        return f"{singular(self.kind)} '{self.name}'"

    @property
    def family(self) -> bool:
        """Whether the name takes an argument behind its colon."""
        return self.name.endswith(":")

    def load(self) -> Callable[..., Any]:
        """The factory itself, imported if it was registered as a string."""
        if not isinstance(self.factory, str):
            return self.factory
        module, _, attribute = self.factory.partition(":")
        try:
            factory = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            message = f"{self.title} of {self.origin} cannot be loaded: {error}"
            raise PluginError(message) from error
        return factory  # type: ignore[no-any-return]


class Registry:
    """All factories by kind and name."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], Entry] = {}
        self._contested: dict[tuple[str, str], PluginError] = {}

    def add(self, entries: list[Entry]) -> None:
        """Add one plugin's entries, all or none.

        Raises:
            PluginError: a name is malformed or taken. The taken name is refused to everybody from
                then on, because a suite that uses it could mean either.
        """
        mine: set[tuple[str, str]] = set()
        for entry in entries:
            self._check(entry, mine)
            mine.add((entry.kind, entry.name))
        self._entries.update({(entry.kind, entry.name): entry for entry in entries})

    def _check(self, entry: Entry, mine: set[tuple[str, str]]) -> None:
        key = (entry.kind, entry.name)
        if not NAME.fullmatch(entry.name):
            raise PluginError(
                f"{entry.origin} registers {entry.title}: expected lower case letters, digits, "
                "'-', '+', ':' and '.'"
            )
        if key in mine:
            raise PluginError(f"{entry.origin} registers {entry.title} twice")
        if key in self._entries:
            first = self._entries[key].origin
            error = PluginError(
                f"{entry.title} is registered by both {first} and "
                f"{entry.origin}: rename or uninstall one"
            )
            self._contested[key] = error
            raise error

    def entries(self, kind: str) -> list[Entry]:
        """Every entry of a kind, by name."""
        found = [entry for (k, _), entry in self._entries.items() if k == kind]
        return sorted(found, key=lambda entry: entry.name)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def find(self, kind: str, name: str) -> tuple[Entry, dict[str, str]]:
        """The entry for a name as a suite writes it, and the options that the name itself carries.

        Metrics are looked up among the losses too.

        Raises:
            UserError: unknown (with the nearest name), or claimed by two plugins.
        """
        kinds = (kind, "losses") if kind == "metrics" else (kind,)
        head, colon, argument = name.partition(":")
        for k in kinds:
            if (k, name) in self._contested:
                raise self._contested[k, name]
            if (k, name) in self._entries:
                return self._entries[k, name], {}
            if colon and argument and (k, head + ":") in self._entries:
                return self._entries[k, head + ":"], {"name": argument}
        known = [entry.name for k in kinds for entry in self.entries(k)]
        raise UserError(
            f"unknown {singular(kind)} '{name}'."
            f"{did_you_mean(name, known)} See: p2lbench list {kind}"
        )


def parameters(factory: Callable[..., Any]) -> list[inspect.Parameter]:
    """The keyword parameters of a factory, which are its options.

    Raises:
        PluginError: it takes `*args` or `**kwargs`, whose values could not be checked.
    """
    found = list(inspect.signature(factory).parameters.values())
    for parameter in found:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise PluginError(
                f"{getattr(factory, '__name__', factory)} takes *{parameter.name}: expected named, "
                "typed keyword parameters, since they are the options a suite may set"
            )
    return found
