"""What a check is, how it says what is wrong, and where it runs."""

from __future__ import annotations

import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

from p2lbench.errors import Skip
from p2lbench.globalrandom import GlobalRandom
from p2lbench.recording import describe
from p2lbench.root import Timeout
from p2lbench.weights import WeightsMissing

Factory = Callable[..., Any]
GLOBAL_SEED = 1_618_033_988  # none that a plugin would seed with itself


class Violation(AssertionError):
    """A plugin breaks its contract: what was `expected`, what was `got`, and what to do."""

    def __init__(self, expected: str, got: str, advice: str = "") -> None:
        super().__init__(f"expected {expected}; got {got}" + (f". {advice}" if advice else ""))
        self.expected, self.got, self.advice = expected, got, advice


class NotApplicable(unittest.SkipTest):
    """The check says nothing about this plugin; the message says why."""


@dataclass(frozen=True)
class Check:
    """One promise of a contract. `str(check)` is its id; `check(factory)` puts it to the test.

    `factory` is called without arguments, as often as fresh instances are needed: a class, a
    function, or a `functools.partial` with options.
    """

    id: str
    title: str
    kind: str
    run: Callable[[Factory], None] = field(repr=False, compare=False)

    def __str__(self) -> str:
        return self.id

    def __call__(self, factory: Factory) -> None:
        """Run it.

        Raises:
            Violation: the plugin does not keep the promise.
            NotApplicable: the promise does not concern it.
        """
        with _as_in_a_worker():
            try:
                self.run(factory)
            except (Skip, WeightsMissing) as error:
                raise NotApplicable(str(error)) from error
            except (Violation, NotApplicable):
                raise
            # The boundary: whatever a plugin raises is a finding, sys.exit() included.
            except (Exception, SystemExit, Timeout) as error:
                raise Violation("it to work", describe(error)) from error


@dataclass(frozen=True)
class Kit:
    """The checks of one kind of plugin, in the order in which they were added."""

    kind: str
    checks: list[Check] = field(default_factory=list)

    def __call__(
        self, name: str, title: str
    ) -> Callable[[Callable[[Factory], None]], Callable[[Factory], None]]:
        """A decorator that adds a function as a check."""

        def add(run: Callable[[Factory], None]) -> Callable[[Factory], None]:
            self.checks.append(Check(name, title, self.kind, run))
            return run

        return add


def does_not_apply(reason: str) -> NoReturn:
    """Leave a check that says nothing about this plugin."""
    raise NotApplicable(reason)


@contextmanager
def _as_in_a_worker() -> Iterator[None]:
    """One thread, gradients on, and known global random states; all put back afterwards."""
    import torch
    from threadpoolctl import threadpool_limits

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1), torch.enable_grad(), GlobalRandom(GLOBAL_SEED).installed():
            yield
    finally:
        torch.set_num_threads(threads)
