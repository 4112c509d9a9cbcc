"""How far an edit goes: `a`, `a:b` or `a:b:n` in a command."""

from __future__ import annotations

from math import isfinite

from p2lbench.errors import UserError

STEPS = 5
MOST = 100


def read_strengths(text: str) -> tuple[float, ...]:
    """One strength, or n from a to b in equal steps.

    Raises:
        UserError: it is none of those.
    """
    parts = text.split(":")
    try:
        ends = [float(part) for part in parts[:2]]
        count = int(parts[2]) if len(parts) == 3 else STEPS
    except ValueError:
        raise _wrong(text) from None
    if len(parts) > 3 or not all(map(isfinite, ends)):
        raise _wrong(text)
    if len(parts) == 1:
        return (ends[0],)
    if not 2 <= count <= MOST:
        raise UserError(f"--strength {text}: expected 2 to {MOST} steps, got {count}")
    return spread(ends[0], ends[1], count)


def spread(first: float, last: float, count: int) -> tuple[float, ...]:
    """So many numbers from the first to the last, in equal steps."""
    return tuple(first + (last - first) * k / (count - 1) for k in range(count))


def _wrong(text: str) -> UserError:
    return UserError(f"--strength: expected a, a:b or a:b:n (0.5, 0:1, -3:3:7), got '{text}'")
