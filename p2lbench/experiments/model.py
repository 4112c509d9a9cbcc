"""What is known of an experiment of the paper: where it is, what came out, what it claims."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from p2lbench.spec import Method

Labels = tuple[str, str, str, str, str]
Says = Literal["lower", "alike"]
Numbers = tuple[float, float, float, float]
METRICS = ("l1", "l2", "lpips-alex", "lpips-vgg")  # of `Numbers`


@dataclass(frozen=True)
class Entry:
    """A row of a results folder: its names and, where the folder keeps it, its method."""

    labels: Labels
    method: Method | None = None


Pairs = Callable[[Sequence[Entry]], Iterable[tuple[int, int]]]


@dataclass(frozen=True)
class Claim:
    """A comparison of one row with another.

    `pairs`: from rows to those (indices) that it is about, what should be less first. `says`: the
    first has less, or both have the same up to the factor `margin`. `of`: what is compared, the
    error or the seconds. `statistic`: over candidates. `by_paper`: False for what readers ask.
    """

    text: str
    pairs: Pairs = field(repr=False)
    says: Says = "lower"
    of: Literal["error", "seconds"] = "error"
    statistic: Literal["mean", "best"] = "mean"
    margin: float = 1.05
    by_paper: bool = True


@dataclass(frozen=True)
class PaperRow:
    """A row of the paper: its method by the names of plugins, and its numbers.

    `transforms`: in their order. `inits`: variable → plugin. `options`: of the optimizer, which
    are the paper's steps. `mean`, `best`: over 18 candidates, as `METRICS`. `minutes`: per image.
    """

    name: str
    optimizer: str
    transforms: tuple[str, ...] = ()
    inits: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    mean: Numbers | None = None
    best: Numbers | None = None
    minutes: float | None = None

    def is_of(self, method: Method) -> bool:
        """Whether a method is this row's, whatever its steps are."""
        return (
            method.optimizer.spec.name == self.optimizer
            and tuple(part.name for part in method.transform.parts) == self.transforms
            and {name: spec.name for name, spec in method.init.parts} == self.inits
        )


@dataclass(frozen=True)
class Experiment:
    """One table or figure. `place`: where it is in the paper. `found`: what came out there, in
    sentences. `rows`: those whose numbers the text has, in the paper's order."""

    title: str
    place: str
    found: tuple[str, ...]
    claims: tuple[Claim, ...] = ()
    rows: tuple[PaperRow, ...] = ()
