"""What the paper claims, and whether it holds in this folder, as texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from p2lbench.experiments.claims import Checked, Verdict, check, judged
from p2lbench.experiments.comparable import OTHER_IMAGES
from p2lbench.experiments.errors import Statistic
from p2lbench.experiments.model import Claim
from p2lbench.leaderboard import AXES, Leaderboard, as_text, decimals
from p2lbench.report.experiment.source import Source
from p2lbench.report.text import plain
from p2lbench.stats import Effect

_SMALL_PRINT = "In small print: the paper's numbers"


@dataclass(frozen=True)
class Told:
    """One pair of rows. `effect`: as `effect_text`; `won`: on how many images; `on`: the
    metric and over which candidates; `others`: the verdicts by other metrics, in words; `every`:
    effect and images by metric and statistic."""

    pair: str
    verdict: Verdict
    on: str
    effect: str
    won: str
    why: str
    others: str
    every: Mapping[tuple[str, Statistic], str]


@dataclass(frozen=True)
class Group:
    """A claim and the pairs of rows that it is about."""

    text: str
    by_paper: bool
    lines: Sequence[Told]


def groups(source: Source) -> list[Group]:
    """The claims that rows of the folder are about, in the paper's order."""
    found: dict[Claim, list[Checked]] = {}
    for one in check(source.experiment.claims, source.board, source.entries, source.errors):
        found.setdefault(one.claim, []).append(one)
    for ones in found.values():
        ones.sort(key=lambda one: _plainness(source.board.rows[one.better].labels))
    return [
        Group(claim.text, claim.by_paper, [_told(source, one, names) for one, names in named])
        for claim, ones in found.items()
        for named in [list(zip(ones, _pairs(source.board, ones), strict=True))]
    ]


def beside(source: Source) -> str:
    """Whether the paper's numbers stand beside the measured ones, and else why not."""
    rows = [row for row in source.board.rows if source.of_paper(row) is not None]
    if not source.experiment.rows:
        return ""
    reasons = [source.unlike(row) for row in rows or source.board.rows[:1]]
    if any(not found for found in reasons):
        minutes = any(row.minutes for row in source.experiment.rows)
        what = "Diamonds: the paper's minutes by its Adam's" if minutes else _SMALL_PRINT
        return f"{what} ({OTHER_IMAGES})."
    why = reasons[0][0] if reasons else "there are no rows"
    return f"The paper's numbers are not shown, as this is another protocol: {plain(why)}."


def effect_text(effect: Effect | None) -> str:
    """`0.72 (0.65 to 0.80)`; of a difference that it is one, with its sign."""
    if effect is None:
        return "—"
    numbers = [effect.value, *(effect.interval or ())]
    if effect.scale == "ratio":
        value, *ends = (f"{number:.2f}" for number in numbers)
    else:
        digits = decimals(numbers)
        value, *ends = (f"{'+' * (x > 0)}{as_text(x, digits)}" for x in numbers)
        value = f"difference {value}"
    return f"{value} ({' to '.join(ends)})" if ends else value


def won_text(effect: Effect | None) -> str:
    """`11/12` images."""
    return "" if effect is None else f"{effect.won}/{effect.images}"


def _plainness(labels: Sequence[str]) -> list[tuple[bool, str]]:
    """Rows without a transform, and with the shortest init, first."""
    return [(label != "none", label) for label in labels[2:4]]


def _others(source: Source, one: Checked) -> str:
    """`holds by l1, l2; open by psnr`: on the metrics that it was not judged by; empty if alike."""
    by: dict[str, list[str]] = {}
    for metric in source.board.metrics:
        key = metric.name, one.claim.statistic
        if metric.name != one.metric and key in one.effects:
            verdict, _ = judged(one.claim, one.effects[key], metric)
            by.setdefault(verdict, []).append(plain(metric.label))
    if set(by) <= {one.verdict}:
        return ""
    return "; ".join(f"{verdict} by {', '.join(names)}" for verdict, names in by.items())


def _pairs(board: Leaderboard, ones: Sequence[Checked]) -> list[str]:
    """`basincma against adam (transform spatial)`: what differs, then what tells pairs apart."""
    rows = [(board.rows[one.better].labels, board.rows[one.worse].labels) for one in ones]
    differs = [k for k in range(len(AXES)) if any(a[k] != b[k] for a, b in rows)]
    told = [k for k in range(len(AXES)) if k not in differs and len({a[k] for a, _ in rows}) > 1]
    word = "and" if ones[0].claim.says == "alike" else "against"
    return [
        f" {word} ".join(_joined(labels, differs) for labels in pair) + _shared(pair[0], told)
        for pair in rows
    ]


def _shared(labels: Sequence[str], axes: Sequence[int]) -> str:
    named = ", ".join(f"{AXES[k]} {plain(labels[k])}" for k in axes)
    return f" ({named})" if named else ""


def _joined(labels: Sequence[str], axes: Sequence[int]) -> str:
    return " · ".join(plain(labels[k]) for k in reversed(axes))


def _told(source: Source, one: Checked, pair: str) -> Told:
    label = plain(one.metric)
    if one.metric and one.claim.of == "error":
        label = f"{plain(source.board.metric(one.metric).label)}, {one.claim.statistic}"
    return Told(
        pair,
        one.verdict,
        label,
        effect_text(one.effect),
        won_text(one.effect),
        one.why,
        _others(source, one),
        {key: f"{effect_text(e)} {won_text(e)}".strip() for key, e in one.effects.items()},
    )
