"""What is known of a problem before there is one: its space, and what may be spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from p2lbench.budget import Budget
from p2lbench.errors import Skip
from p2lbench.space import Role, Space


@dataclass(frozen=True)
class Prospect:
    """What an optimizer's `passes` and `fit` ask of a problem; it computes nothing."""

    space: Space
    candidates: int
    remaining: Budget

    @property
    def budget(self) -> Budget:
        """As `remaining`: nothing was spent yet."""
        return self.remaining

    def note(self, text: str) -> None:
        """There is no record yet to keep it in."""

    def limited(self, passes: float) -> Prospect:
        """With so many passes at most."""
        left = Budget(min(passes, self.remaining.passes), self.remaining.seconds)
        return Prospect(self.space, self.candidates, left)

    def stage(
        self,
        moves: Sequence[Role],
        start: Any = None,
        vary: Sequence[str] | None = None,
        roles: Mapping[str, Role] | None = None,
        center: Any = None,
        gradients: float = inf,
        passes: float = inf,
        seconds: float = inf,
    ) -> Prospect:
        """As a problem's.

        Raises:
            Skip: no variable is left to move.
        """
        now: dict[str, Role] = {**self.space.roles, **(roles or {})}
        free = [name for name in self.space.names() if now[name] in moves and name in (vary or now)]
        if not free:
            raise Skip("nothing left to move")
        left = Budget(min(passes, self.remaining.passes), min(seconds, self.remaining.seconds))
        return Prospect(self.space.subspace(free, now), self.candidates, left)
