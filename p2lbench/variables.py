"""Names of variables in a suite, held against the variables that generators have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from p2lbench.checks import Problems
from p2lbench.errors import UserError, did_you_mean
from p2lbench.objective import PHI
from p2lbench.options import build
from p2lbench.registry import Registry
from p2lbench.space import Role
from p2lbench.spec import Spec, TransformChain
from p2lbench.yamlfile import Locate, below


@dataclass(frozen=True)
class Variables:
    """Who names a variable that is not among the `known`; errors go to `problems`."""

    known: Sequence[str]
    registry: Registry
    problems: Problems

    def check_names(self, names: Iterable[str], locate: Locate) -> None:
        """The keys of a mapping that is written at `locate`."""
        for name in names:
            if name not in self.known:
                message = f"no generator has a variable '{name}'.{did_you_mean(name, self.known)}"
                message += f" Variables: {', '.join(self.known)}"
                self.problems.add(UserError(message, locate(name, key=True)))

    def check_roles(self, roles: Mapping[str, Role], locate: Locate) -> None:
        """The suite's roles. A transform's parameters are searched or kept, nothing else."""
        self.check_names(roles, locate)
        if roles.get(PHI, "search") not in ("search", "frozen"):
            message = f"expected search or frozen as the role of phi, got '{roles[PHI]}': no method"
            message += " but the transform's own search moves it"
            self.problems.add(UserError(message, locate(PHI)))

    def check(self, spec: Spec, locate: Locate) -> bool:
        """Whether an optimizer, written at `locate`, and those in its options are right.

        The innermost that is wrong is told: a composite would only repeat it.
        """
        inside = below(locate, spec.name)
        parts = [self.check(part, below(inside, *keys)) for keys, part in _parts(spec.options)]
        if not all(parts):
            return False
        check = getattr(build(spec, self.registry), "check", None)
        if check is None:
            return True
        try:
            check(self.known)
        # A third party's method may raise anything.
        except Exception as error:
            kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
            option = str(error).partition(":")[0]
            place = inside(*([option] if option in spec.options else []), key=True)
            self.problems.add(UserError(f"optimizer '{spec.name}': {kind}{error}", place))
            return False
        return True

    def check_search(self, chain: TransformChain, locate: Locate) -> None:
        """The optimizers of a transform's search."""
        if chain.search is not None:
            name = "+".join(part.name for part in chain.parts)
            self.check(chain.search.outer, below(locate, name, "search", "outer"))
            self.check(chain.search.inner, below(locate, name, "search", "inner"))


def _parts(value: Any, *keys: str | int) -> Iterator[tuple[tuple[str | int, ...], Spec]]:
    """The specs in options, and the keys that lead to them."""
    if isinstance(value, Spec):
        yield keys, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _parts(inner, *keys, key)
    elif isinstance(value, (list, tuple)):
        for i, inner in enumerate(value):
            yield from _parts(inner, *keys, i)
