"""What a suite costs before it is run, as lines and the rows of a table."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from p2lbench.estimate.estimating import Estimate, MethodEstimate
from p2lbench.report.text import count, plain
from p2lbench.spec import AXES

_UNITS = ((86400.0, "days"), (3600.0, "h"), (60.0, "min"))


def lines(estimate: Estimate) -> Iterator[str]:
    """What all methods have in common, the passes in all, and the time."""
    varying = _varying(estimate)
    for k, axis in enumerate(AXES):
        if k not in varying and estimate.methods:
            yield f"{axis[:-1] if axis != 'losses' else 'loss':<11}{estimate.methods[0].row[k]}"
    passes = estimate.passes
    yield f"{'passes':<11}{'not known before' if passes is None else f'{passes:,} at most'}"
    if (after := estimate.tuning) is not None:
        then = "" if after.seconds is None else f", about {roughly(after.seconds)}"
        entries = f"{after.entries:,} entries after the cells"
        yield f"{'trade-off':<11}{entries}, at most {after.passes:,} passes{then}"
    if estimate.seconds is None:
        yield f"{'time':<11}no estimate: {plain(estimate.why or '')}"
        return
    about = "at most about" if estimate.at_most else "about"
    workers = count(estimate.workers, "worker")
    yield f"{'time':<11}{about} {roughly(estimate.seconds)} with {workers}, from nothing"


HEADS = ("method", "cells", "passes per cell", "time per cell")


def rows(estimate: Estimate) -> list[tuple[str | Text, ...]]:
    """What stands below `HEADS`, of each method."""
    varying = _varying(estimate)
    return [
        (
            " · ".join(method.row[k] for k in reversed(varying)),
            str(method.cells),
            _passes(method),
            _time(estimate, method),
        )
        for method in estimate.methods
    ]


def roughly(seconds: float) -> str:
    """A time in the largest unit of which there are two: `45 s`, `12 min`, `3.5 h`."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{_two_digits(seconds / size)} {unit}"
    return f"{_two_digits(seconds)} s"


def _two_digits(number: float) -> str:
    return f"{number:.1f}" if number < 9.95 else f"{float(f'{number:.2g}'):.0f}"


def _varying(estimate: Estimate) -> list[int]:
    """The axes on which methods differ, and that of the optimizers."""
    different = [len({method.row[k] for method in estimate.methods}) > 1 for k in range(len(AXES))]
    return [k for k in range(len(AXES)) if different[k] or AXES[k] == "optimizers"]


def _passes(method: MethodEstimate) -> str:
    if method.passes is None:
        return "not known"
    return f"≤ {method.passes:,}" if method.at_most else f"{method.passes:,}"


def _time(estimate: Estimate, method: MethodEstimate) -> Text:
    if method.why is not None:
        return Text("not known" if method.seconds is None else "skipped")
    timeout = f"timeout {estimate.timeout:g} s"
    if method.seconds is None:
        return Text(f"not known, {timeout}")
    text = Text(f"{'≤ ' if method.at_most else ''}{roughly(method.seconds)}")
    if method.seconds > estimate.timeout:
        text.append(f" > {timeout}", "red")
    return text
