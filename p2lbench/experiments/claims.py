"""Whether a run bears out what the paper claims. Pure.

A claim compares two rows that have all planned images complete: the geometric mean over images of
one's error by the other's, with its bootstrap interval. Images that both lack are the hard ones, so
that what is left says nothing of the rest. It holds, or does not, where the whole interval says so;
else these images cannot tell, and it is open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from p2lbench.comparisons import paired, scale_of
from p2lbench.experiments.errors import SECONDS, Errors, Statistic
from p2lbench.experiments.model import Claim, Entry, Labels
from p2lbench.leaderboard import Leaderboard
from p2lbench.report.text import count
from p2lbench.rows import Metric
from p2lbench.stats import Effect

Verdict = Literal["holds", "does not hold", "open"]
FEWEST = 6  # images: below, intervals are too short (docs/measuring.md)
STATISTICS: tuple[Statistic, ...] = ("mean", "best")


@dataclass(frozen=True)
class Checked:
    """A claim of two rows, `better` and `worse` as claimed (indices into the table's rows).

    `metric`: what the verdict is on. `effects`: (metric, statistic) → of better against worse;
    None: no value. `why`: what keeps an open claim open.
    """

    claim: Claim
    better: int
    worse: int
    metric: str
    verdict: Verdict
    effects: Mapping[tuple[str, Statistic], Effect | None]
    why: str = ""

    @property
    def effect(self) -> Effect | None:
        """What the verdict is of."""
        return self.effects.get((self.metric, self.claim.statistic))


def check(
    claims: Sequence[Claim], board: Leaderboard, entries: Sequence[Entry], errors: Errors
) -> list[Checked]:
    """Every claim with every pair of rows that it is about; `entries` are the table's rows.

    Claims about rows that were not planned are left out.
    """
    return [
        _checked(claim, better, worse, board, errors)
        for claim in claims
        for better, worse in claim.pairs(entries)
    ]


def judged(claim: Claim, effect: Effect | None, metric: Metric) -> tuple[Verdict, str]:
    """The verdict on an effect of the better row against the worse; why, where it is open."""
    if effect is None:
        return "open", "a candidate has no value"
    if effect.interval is None or (claim.of == "error" and effect.images < FEWEST):
        images = count(effect.images, "image")
        return "open", f"{images}: too few for an interval to be trusted"
    low, high = effect.interval
    if claim.says == "alike":
        return _alike(claim, effect)
    same = 1.0 if effect.scale == "ratio" else 0.0
    below, above = high < same, low > same
    if metric.higher_is_better:
        below, above = above, below
    if below or above:
        return ("holds" if below else "does not hold"), ""
    return "open", f"the interval has {same:g} in it"


def _alike(claim: Claim, effect: Effect) -> tuple[Verdict, str]:
    if effect.scale != "ratio" or effect.interval is None:
        return "open", "no ratio can be taken of this metric"
    low, high = effect.interval
    if 1 / claim.margin <= low and high <= claim.margin:
        return "holds", ""
    if high < 1 / claim.margin or low > claim.margin:
        return "does not hold", ""
    return "open", f"the interval reaches beyond a factor of {claim.margin:g}"


def _checked(claim: Claim, better: int, worse: int, board: Leaderboard, errors: Errors) -> Checked:
    metric = SECONDS if claim.of == "seconds" else _ranked_on(board)
    why = _why_not(board, better, worse, metric)
    if why or metric is None:
        return Checked(claim, better, worse, "", "open", {}, why)
    effects = dict(_effects(claim, board, better, worse, errors))
    verdict, why = judged(claim, effects[(metric.name, claim.statistic)], metric)
    return Checked(claim, better, worse, metric.name, verdict, effects, why)


def _ranked_on(board: Leaderboard) -> Metric | None:
    return None if board.ranked_on is None else board.metric(board.ranked_on)


def _why_not(board: Leaderboard, better: int, worse: int, metric: Metric | None) -> str:
    """What keeps two rows from being compared; empty if nothing does."""
    rows = [board.rows[k] for k in (better, worse)]
    complete = [row.complete for row in rows]
    if not all(complete):
        return "not all of it was run" if any(complete) else "not run yet"
    if complete[0] != complete[1]:
        return "the two rows cover different images"
    if rows[0].partial or rows[1].partial:
        return f"both rows have only {len(complete[0])} of {count(rows[0].planned, 'image')}"
    here = [board.told(row) is None for row in rows]
    if metric is SECONDS and here[0] != here[1]:
        return "the seconds of one row are of another machine"
    return "" if metric is not None else "no metric has a value in all rows"


def _effects(
    claim: Claim, board: Leaderboard, better: int, worse: int, errors: Errors
) -> Iterator[tuple[tuple[str, Statistic], Effect | None]]:
    metrics = [SECONDS] if claim.of == "seconds" else board.metrics
    for metric in metrics:
        for statistic in STATISTICS[:1] if claim.of == "seconds" else STATISTICS:
            ours, theirs = (
                _complete(board, k, errors, metric.name, statistic) for k in (better, worse)
            )
            scale = scale_of([ours, theirs], metric)
            effect = paired(ours, theirs, metric, scale, board.suite.classes)
            yield (metric.name, statistic), effect


def _complete(
    board: Leaderboard, k: int, errors: Errors, metric: str, statistic: Statistic
) -> dict[str, dict[int, float]]:
    """In a fixed order of images: both rows meet the same resamples."""
    row = board.rows[k]
    labels: Labels = row.labels
    cells = errors.of(labels, metric, statistic)
    return {image: cells[image] for image in sorted(row.complete)}
