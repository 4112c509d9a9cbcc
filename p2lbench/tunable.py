"""What values of an option are worth trying: a range of numbers, or a list of choices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Scale = Literal["log", "linear"]
_DIGITS = 3  # of a number that is tried


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included.

    `scale`: what trials are spread evenly on; `log` where `low` is above 0, else `linear`, if not
    given. `whole`: whole numbers alone; found out from the option's type.

    Raises:
        ValueError: there is nothing between them, or a log scale from 0 or below.
    """

    low: float
    high: float
    scale: Scale | None = None
    whole: bool = False

    def __post_init__(self) -> None:
        if not -math.inf < self.low < self.high < math.inf:
            raise ValueError(f"expected low below high, got {self.low:g} and {self.high:g}")
        if self.scale is None:
            object.__setattr__(self, "scale", "log" if self.low > 0 else "linear")
        if self.scale == "log" and not self.low > 0:
            raise ValueError(f"expected a low end above 0 on a log scale, got {self.low:g}")

    @property
    def ends(self) -> tuple[Any, ...]:
        """Values that every value lies between."""
        return self.low, self.high

    def value(self, u: float) -> float:
        """The value at a fraction u of the range, 0 ≤ u < 1; rounded to what is readable."""
        x = self._at(u, self.high + 1 if self.whole else self.high)
        x = math.floor(x) if self.whole else float(f"{x:.{_DIGITS}g}")
        return type(x)(min(max(x, self.low), self.high))

    def fraction(self, value: Any) -> float | None:
        """Where a value lies: 0 at `low`, 1 at `high`; None for what has no place on the scale."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        if self.scale == "linear":
            return (value - self.low) / (self.high - self.low)
        return math.log(value / self.low) / math.log(self.high / self.low) if value > 0 else None

    def plain(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"low": self.low, "high": self.high, "scale": self.scale, "whole": self.whole}

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"

    def _at(self, u: float, high: float) -> float:
        if self.scale == "linear":
            return self.low + (high - self.low) * u
        return self.low * math.exp(math.log(high / self.low) * u)


@dataclass(frozen=True, init=False)
class Choices:
    """Values in no order, each as likely as the others.

    Raises:
        ValueError: there are fewer than two.
    """

    values: tuple[Any, ...]

    def __init__(self, values: Sequence[Any]) -> None:
        if len(values) < 2:
            raise ValueError(f"expected at least two choices, got {len(values)}")
        object.__setattr__(self, "values", tuple(values))

    @property
    def ends(self) -> tuple[Any, ...]:
        """All of them."""
        return self.values

    def value(self, u: float) -> Any:
        """The choice at a fraction u, 0 ≤ u < 1."""
        return self.values[int(u * len(self.values))]

    def fraction(self, value: Any) -> float | None:
        """None: choices have no order."""
        return None

    def plain(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"choices": list(self.values)}

    def __str__(self) -> str:
        return ", ".join(map(str, self.values))


Tunable = Range | Choices
