"""What a table or figure of the paper is made of; `report/html` and `report/paper` draw it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """`key`: names its file and its place in the page. `caption`: what its numbers are."""

    key: str
    title: str
    caption: str


@dataclass(frozen=True)
class Number:
    """As printed; `best`: of its column; `paper`: that of the paper, where it compares."""

    text: str
    best: bool = False
    paper: str = ""


@dataclass(frozen=True)
class Line:
    """A row of a table: its names, which parts it uses, and its numbers."""

    names: Sequence[str]
    ticks: Sequence[bool]
    numbers: Sequence[Number]


@dataclass(frozen=True)
class Tabular(Part):
    """`heads` stand over the names, `ticks` over the marks; `groups`: over so many columns of
    numbers each, `columns` over them."""

    heads: Sequence[str]
    ticks: Sequence[str]
    groups: Sequence[tuple[str, int]]
    columns: Sequence[str]
    lines: Sequence[Line]


@dataclass(frozen=True)
class Bar:
    """`error`: half of what the whisker spans. `parts` sum up to `value`. `paper`: its number."""

    label: str
    value: float
    text: str
    error: float | None = None
    parts: Sequence[float] = ()
    paper: float | None = None


@dataclass(frozen=True)
class Bars(Part):
    """Bars in the order to draw; `axis`: what their length is; `parts`: names of their parts."""

    axis: str
    bars: Sequence[Bar]
    parts: Sequence[str] = ()


@dataclass(frozen=True)
class Ranked:
    """A curve; `place` among the others where it ends, from 0, the best, to 1."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    place: float


@dataclass(frozen=True)
class Curves(Part):
    """Curves that share an objective, the best first; `log`: y is logarithmic."""

    x: str
    y: str
    curves: Sequence[Ranked]
    log: bool


@dataclass(frozen=True)
class HeatMap(Part):
    """`values[k][j]` at `ys[k]` and `xs[j]`, None where there is none; lower is better unless
    `higher`."""

    x: str
    y: str
    metric: str
    xs: Sequence[int]
    ys: Sequence[int]
    values: Sequence[Sequence[float | None]]
    texts: Sequence[Sequence[str]]
    higher: bool = False


@dataclass(frozen=True)
class Way:
    """A method's points, joined; `names` of each; `star`: where it comes with
    the loss that all are given."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    names: Sequence[str]
    star: tuple[float, float] | None = None


@dataclass(frozen=True)
class Ways(Part):
    """One error against what it costs elsewhere; x is logarithmic and falls to the right.
    `labels`: what stands beside the points of the first way; empty where there is no room."""

    x: str
    y: str
    ways: Sequence[Way]
    labels: Sequence[str]


@dataclass(frozen=True)
class Shots:
    """A method's best candidates of an image, the best first; `values` as printed.

    `row`: of the leaderboard; `cell`: whose file of images has them.
    """

    row: int
    label: str
    cell: str
    count: int
    candidates: Sequence[int]
    values: Sequence[str]


@dataclass(frozen=True)
class Pictures(Part):
    """By image: its name and what each method made of it. `left_out`: images without room."""

    images: Sequence[tuple[str, Sequence[Shots]]]
    left_out: int = 0
