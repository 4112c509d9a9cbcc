"""What the sweep found out about Nevergrad's names, so that Nevergrad need not be imported."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from math import log
from pathlib import Path
from typing import Any

from p2lbench.optimizers.cma import default_population

FOUND = Path(__file__).with_name("known.json")


# How populations depend on the number of columns d, from 2 on.
POPULATIONS: Mapping[str, Callable[[int], int]] = {
    "4 + 3 ln d": default_population,
    "4 + ln d": lambda d: 4 + int(log(d)),
    "4 + 8 ln d": lambda d: 4 + int(8 * log(d)),
    "4 + 10 ln d": lambda d: 4 + int(10 * log(d)),
    "4 + 100 ln d": lambda d: 4 + int(100 * log(d)),
    "4 d": lambda d: 4 * d,
    "4 max(16, d)": lambda d: 4 * max(16, d),
    "max(30, d + 1)": lambda d: max(30, d + 1),
    "max(30, 4 d)": lambda d: max(30, 4 * d),
    "max(30, 7 d)": lambda d: max(30, 7 * d),
    "max(40, 4 d)": lambda d: max(40, 4 * d),
}


@dataclass(frozen=True)
class Finding:
    """One name. `reason`: why it does not work, None if it does; `needs`: a module it lacks.

    `population`: how many points it draws at a time, as a number or one of `POPULATIONS`; 1 if one
    by one; None if that is not known before.
    """

    reason: str | None = None
    needs: str | None = None
    population: int | str | None = None
    seconds: float | None = None
    minimum: float | None = None

    def points(self, d: int) -> int | None:
        """`population` in d columns, None if it is not known."""
        if not isinstance(self.population, str):
            return self.population
        return POPULATIONS[self.population](d) if d > 1 else None


@dataclass(frozen=True)
class Findings:
    """All names, and the versions that they were found with."""

    versions: Mapping[str, str]
    names: Mapping[str, Finding]

    @classmethod
    def read(cls, file: Path) -> Findings:
        """What `write` wrote."""
        document = json.loads(file.read_text(encoding="utf-8"))
        names = {name: Finding(**found) for name, found in document["names"].items()}
        return cls(document["versions"], names)

    def write(self, file: Path) -> None:
        """As JSON, a line for each name, replacing the file at once."""
        lines = [
            f"{json.dumps(k)}: {json.dumps(_given(self.names[k]))}" for k in sorted(self.names)
        ]
        names = ",\n".join(lines)
        text = f'{{"versions": {json.dumps(self.versions)},\n"names": {{\n{names}\n}}}}\n'
        staged = file.with_suffix(".staged")
        staged.write_text(text, encoding="utf-8")
        staged.replace(file)


def _given(finding: Finding) -> dict[str, Any]:
    return {key: value for key, value in vars(finding).items() if value is not None}


@cache
def findings() -> Findings | None:
    """What was found with the installed version of Nevergrad, None for another version."""
    found = Findings.read(FOUND)
    try:
        installed = version("nevergrad")
    except PackageNotFoundError:
        return None
    return found if found.versions["nevergrad"] == installed else None


def why_not(finding: Finding) -> str | None:
    """Why it does not work here, None if it does or if what it needs has been installed since."""
    if finding.needs is not None and find_spec(finding.needs) is not None:
        return None
    return finding.reason
