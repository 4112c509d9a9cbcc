"""What the plugins in a method, a row or options say of themselves: weights, files, origins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import p2lbench
from p2lbench.errors import UserError
from p2lbench.options import build
from p2lbench.registry import Origin, Registry
from p2lbench.spec import Method, Spec, digest
from p2lbench.weights.files import known_hash

if TYPE_CHECKING:
    from p2lbench.plugins import Plugins


def used(method: Method) -> list[Spec]:
    """The plugins that make images and scores of points: all but what searches."""
    inits = [spec for _, spec in method.init.parts]
    losses = [spec for spec, _ in method.loss.terms]
    return [method.generator.spec, *losses, *method.transform.parts, *inits]


def specs(value: Any) -> Iterator[Spec]:
    """All plugins in a method, a row or options, nested ones included."""
    if isinstance(value, Spec):
        yield value
        value = value.options
    if isinstance(value, Mapping):
        inner: Any = value.values()
    elif isinstance(value, (list, tuple)):
        inner = value
    else:
        inner = vars(value).values() if hasattr(value, "__dict__") else ()
    for part in inner:
        yield from specs(part)


def weights_named(value: Any, registry: Registry) -> Iterator[str]:
    """The names of the weights that the plugins in a method or a row cannot work without."""
    return stated("weights", (build(spec, registry) for spec in specs(value)))


def hashes_of_files(value: Any, registry: Registry) -> dict[str, list[str]]:
    """`files`: the SHA-256 of each file that the plugins in a method or a row read beside their
    weights; empty where they read none.

    Raises:
        UserError: one of them cannot be read.
    """
    return files_hashed(stated("files", (build(spec, registry) for spec in specs(value))))


def stated(member: str, instances: Iterable[Any]) -> Iterator[str]:
    """The texts in a member of some plugins that not all of them have."""
    for instance in instances:
        yield from getattr(instance, member, ())


def files_hashed(files: Iterable[str]) -> dict[str, list[str]]:
    """As `hashes_of_files`, of these files."""
    hashes = []
    for file in files:
        try:
            hashes.append(known_hash(Path(file)))
        except OSError as error:
            why = error.strerror or error
            raise UserError(f"{file}: {why}; a plugin reads this file: put it there") from error
    return {"files": hashes} if hashes else {}


def origins(value: Any, plugins: Plugins) -> list[dict[str, str | None]]:
    """Versions of p2lbench and of exactly those plugins that are used there."""
    reported = [r.origin for r in plugins.reports if r.origin.name == "p2lbench"]
    found = {(reported or [Origin("p2lbench", p2lbench.__version__)])[0]}
    for spec in specs(value):
        found.add(plugins.registry.find(spec.kind, spec.name)[0].origin)
    return sorted((origin.plain() for origin in found), key=digest)
