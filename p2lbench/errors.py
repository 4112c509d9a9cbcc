"""The errors a user may see. Each says what was expected, what was got and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where in a file something stands; line and column count from 1."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        parts = [self.file] + [str(n) for n in (self.line, self.column) if n is not None]
        return ":".join(parts)


class P2LBenchError(Exception):
    """Base of every error p2lbench raises on purpose."""

    exit_code = 2


class UserError(P2LBenchError):
    """Something the user gave is wrong. The message says what to do; exit code 2."""

    def __init__(self, message: str, place: Place | None = None) -> None:
        super().__init__(message)
        self.message, self.place = message, place

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class SuiteErrors(UserError):
    """All that is wrong with a suite, so that one run of `validate` shows everything."""

    def __init__(self, errors: Iterable[UserError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in self.errors))


class PluginError(UserError):
    """A plugin could not be loaded, or registers what it may not."""


class StoreError(UserError):
    """A results folder cannot be used."""


class Skip(P2LBenchError):
    """A cell that makes no sense (an incompatible combination); recorded as `skipped`."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """' Did you mean 'x'?' for the nearest known name, or an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""
