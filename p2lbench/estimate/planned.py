"""What a method's cells spend: the search of the transform, then that of the latents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from p2lbench.budget import Budget
from p2lbench.errors import Skip
from p2lbench.estimate.calls import Spending, spending
from p2lbench.estimate.prospect import Prospect
from p2lbench.objective import PHI
from p2lbench.project import search_of
from p2lbench.space import ROLES, Role, Space, Variable
from p2lbench.spec import Method, Protocol, Search, Spec
from p2lbench.suite import Suite

Build = Callable[[Spec], Any]


@dataclass(frozen=True)
class Terms:
    """What a suite says of all its cells."""

    candidates: int
    budget: Budget
    protocol: Protocol
    roles: tuple[tuple[str, Role], ...]

    @classmethod
    def of(cls, suite: Suite) -> Terms:
        """A suite's."""
        return cls(suite.candidates, suite.budget, suite.protocol, suite.roles)


def planned(
    method: Method, terms: Terms, variables: Sequence[Variable], build: Build
) -> Spending | None:
    """What a cell of a method spends (Algorithm 1), None if that is not known before.

    Args:
        variables: of its space, the transform's included; their names, shapes and roles.
    """
    names = {variable.name for variable in variables}
    space = Space(variables, {name: role for name, role in terms.roles if name in names})
    whole = Prospect(space, terms.candidates, terms.budget)
    # Whatever a plugin raises here is its own affair when it runs.
    try:
        return _planned(method, terms, whole, build)
    except Skip:
        return Spending()
    except (Exception, SystemExit):
        return None


def _planned(method: Method, terms: Terms, whole: Prospect, build: Build) -> Spending | None:
    search, found, roles = method.transform.search, Spending(), dict[str, Role]()
    if PHI in whole.space.roles:
        if search is not None and whole.space.roles[PHI] == "search":
            searched = _searched(search, whole, build)
            if searched is None:
                return None
            found = searched
        roles = {PHI: "frozen"}
    left = whole.limited(whole.remaining.passes - found.passes)
    optimizer = build(method.optimizer.spec)
    if terms.protocol == "equal":
        optimizer = optimizer.fit(left.stage(ROLES, roles=roles))
    rest = spending(optimizer, left.stage(optimizer.moves, roles=roles))
    return None if rest is None else found + rest


def _searched(search: Search, whole: Prospect, build: Build) -> Spending | None:
    basin = search_of(search, build)
    held: dict[str, Role] = {
        name: "gradient" for name, role in whole.space.roles.items() if role == "both"
    }
    stage = whole.stage(basin.moves, roles=held, passes=whole.remaining.passes / 2)
    return spending(basin, stage)
