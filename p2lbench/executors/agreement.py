"""Whether a worker of another machine has the code and weights that a cell's id promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from p2lbench import weights
from p2lbench.errors import UserError
from p2lbench.plan import Task
from p2lbench.registry import Origin, Registry
from p2lbench.spec import canonical
from p2lbench.stated import hashes_of_files, specs, used, weights_named
from p2lbench.weights import WeightsMissing

NOT_HERE = "not here"

Identity = Mapping[str, str]


class Agreement:
    """Says of tasks what this process would run them with. It is worked out once per method, since
    what was loaded stays loaded."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: dict[str, dict[str, str]] = {}

    def identity(self, task: Task) -> Identity:
        """Name → version or hash of p2lbench, of the plugins that a task and its metrics use, and
        of their weights and files.

        Raises:
            UserError: a plugin or a file is not here, or weights are not those that were added.
        """
        truths = [spec for spec, _ in task.cell.image.truth]
        method = task.cell.method
        # Points that are there are scored without what found them, which need not be here.
        parts = used(method) if task.latents else [method]
        needed: list[Any] = [*parts, *(spec for _, spec in task.metrics), *truths]
        key = canonical([part.plain() for part in needed])
        if key not in self._known:
            self._known[key] = _identity(needed, self._registry)
        return self._known[key]

    def difference(self, planned: Identity, task: Task) -> str | None:
        """What differs here from where the task was planned; None if nothing does."""
        try:
            found = self.identity(task)
        except UserError as error:
            return str(error)
        for name, promised in planned.items():
            if (here := found.get(name, NOT_HERE)) != promised:
                return f"{name} is {here} there, and the plan was made with {promised}"
        return None


def _identity(needed: Any, registry: Registry) -> dict[str, str]:
    found = {origin.name: _version(origin) for origin in _origins(needed, registry)}
    for name in set(weights_named(needed, registry)):
        found[f"weights {name}"] = _hash(name)
    for k, file in enumerate(hashes_of_files(needed, registry).get("files", ()), start=1):
        found[f"file {k} of the plugins"] = file
    return found


def _origins(needed: Any, registry: Registry) -> Iterator[Origin]:
    yield from {entry.origin for entry in registry if entry.origin.name == "p2lbench"}
    for spec in specs(needed):
        yield registry.find(spec.kind, spec.name)[0].origin


def _version(origin: Origin) -> str:
    source = "" if origin.source is None else f"source {origin.source[:16]}"
    return " ".join(part for part in (origin.version, source) if part) or NOT_HERE


def _hash(name: str) -> str:
    try:
        return weights.locate(name).sha256
    except WeightsMissing:
        return NOT_HERE
