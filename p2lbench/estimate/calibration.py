"""What this machine takes for one objective: seconds by kind of call and number of points."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any, get_args

from p2lbench.estimate.calls import Calls
from p2lbench.estimate.tuning import Tuning
from p2lbench.space import Role, Variable

Size = tuple[bool, int]  # for a gradient or not, of so many points
MOST_SECONDS = 1e6
MOST_COLUMNS = 10**8


@dataclass(frozen=True)
class Calibration:
    """Measured seconds, and what only a loaded generator tells.

    `variables`: of a cell's space, those of the transform included; names, shapes and roles alone.
    `together`: how many points go through the networks at once. `start`: until a worker process
    takes its first cell; `load`: to read the models, once.
    `cell`: a cell that searches nothing: start, images, metrics. `calls`: those that were timed.
    `tuning`: of the suite's trade-off, None if it has none or the generator cannot be fine-tuned.
    """

    device: str
    variables: tuple[Variable, ...]
    together: int
    start: float
    load: float
    cell: float
    calls: dict[Size, float]
    tuning: Tuning | None = None

    def seconds(self, calls: Calls) -> float:
        """Of all of these calls; those of more points go in parts.

        Raises:
            KeyError: none of that size was timed.
        """
        points = min(calls.points, self.together)
        return calls.count * calls.points / points * self.calls[calls.gradient, points]

    def covers(self, calls: Iterable[Calls]) -> bool:
        """Whether all these sizes were timed."""
        return all((c.gradient, min(c.points, self.together)) in self.calls for c in calls)

    def plain(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            **vars(self),
            "variables": [[v.name, list(v.shape), v.role] for v in self.variables],
            "calls": [[*size, seconds] for size, seconds in self.calls.items()],
            "tuning": None if self.tuning is None else vars(self.tuning),
        }

    @classmethod
    def read(cls, plain: Any) -> Calibration:
        """The inverse of `plain`. It comes from a file, or from a process with others' code in it.

        Raises:
            KeyError, TypeError, ValueError: it is not one.
        """
        variables = tuple(_variable(*each) for each in plain["variables"])
        if not variables or sum(v.size for v in variables) > MOST_COLUMNS:
            raise ValueError("expected some variables, and not too many columns")
        return cls(
            str(plain["device"]),
            variables,
            _whole(plain["together"]),
            _seconds(plain["start"]),
            _seconds(plain["load"]),
            _seconds(plain["cell"]),
            {(bool(g), _whole(points)): _seconds(s) for g, points, s in plain["calls"]},
            _tuning(plain["tuning"]),
        )


def _variable(name: Any, shape: Any, role: Any) -> Variable:
    if not isinstance(name, str) or role not in get_args(Role):
        raise ValueError(f"expected a variable's name and role, got {name!r} and {role!r}")
    return Variable(name, tuple(_whole(side) for side in shape), role=role)


def _tuning(plain: Any) -> Tuning | None:
    return None if plain is None else Tuning(_seconds(plain["step"]), _seconds(plain["entry"]))


def _whole(value: Any) -> int:
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"expected a number of at least 1, got {value!r}")
    return value


def _seconds(value: Any) -> float:
    if not isinstance(value, int | float) or not isfinite(value) or not 0 < value < MOST_SECONDS:
        raise ValueError(f"expected seconds, got {value!r}")
    return float(value)
