"""What tuning chose, in a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from p2lbench.leaderboard import as_text, decimals
from p2lbench.report.text import count, encodable, plain, shorten
from p2lbench.tunable import Range
from p2lbench.tuning.choose import Choice
from p2lbench.tuning.job import Tuning
from p2lbench.yamledit import flow

_LEFT = ("method", "chosen")


class TuningView:
    """A rich renderable: a line per method, then what should be known of them."""

    def __init__(self, tuning: Tuning) -> None:
        self.tuning = tuning

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        def say(text: str, style: str = "") -> Text:
            return Text(encodable(plain(text), options.encoding), style)

        job = self.tuning.job
        yield Text.assemble(say(job.suite.name, "bold"), " ", say(f"· {job.how}"))
        yield Text()
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for name in ("method", "trials", "as written", "best", "gain", "chosen"):
            left = name in _LEFT
            table.add_column(name, header_style="bold", justify="left" if left else "right")
        for choice in self.tuning.choices:
            table.add_row(*(say(text, style) for text, style in _cells(choice)))
        yield table
        yield Text()
        for note in _notes(self.tuning):
            yield Padding(say(f"• {shorten(note, 300)}", "yellow"), (0, 0, 0, 1))
        yield Padding(say(_footer(self.tuning), "dim"), (0, 0, 0, 1))


def _cells(choice: Choice) -> Iterator[tuple[str, str]]:
    yield choice.tuned.label, "bold"
    if not choice.scores:
        yield from [("—", "dim")] * 4
        yield "nothing to tune: kept as written", "dim"
        return
    yield str(len(choice.scores)), ""
    scores = [choice.written.score, None if choice.winner is None else choice.winner.score]
    digits = decimals(scores) + 1
    for score in scores:
        yield ("lost", "red") if score is None else (as_text(score, digits), "")
    yield _gain(choice), "green" if choice.options else ""
    yield _chosen(choice), ""


def _gain(choice: Choice) -> str:
    if choice.gain is None:
        return "—"
    return f"{100 * choice.gain:+.1f}%" if choice.geometric else f"{choice.gain:+.3g}"


def _chosen(choice: Choice) -> str:
    if choice.winner is None:
        return "none: every trial lost"
    if not choice.options:
        return "as written"
    return ", ".join(f"{path} {value}" for path, value in choice.options.items())


def _notes(tuning: Tuning) -> Iterator[str]:
    most = max(len(choice.scores) for choice in tuning.choices)
    for choice in tuning.choices:
        label = choice.tuned.label
        for path, end in choice.edges.items():
            yield f"{label}: {_widen(choice, path, end)}"
        if choice.dearer and choice.winner is not None:
            yield (
                f"{label}: what was chosen spends {choice.winner.passes:,.0f} passes per cell, "
                f"as written {choice.written.passes:,.0f}: set budget.passes"
            )
        lost = Counter(score.reason for score in choice.scores if score.score is None)
        if lost:
            reason, _ = lost.most_common(1)[0]
            yield f"{label}: {lost.total()} of {count(len(choice.scores), 'trial')} lost: {reason}"
        if 0 < len(choice.scores) < most:
            yield f"{label}: {count(len(choice.scores), 'trial')}: it has no more settings to try"
    metric = tuning.job.measure.metric
    if metric is not None:
        yield f"chosen by {metric}, which counts as optimised in tables of the tuned suite"


def _widen(choice: Choice, path: str, end: str) -> str:
    """That the winner lies at an end of its range, and what to try."""
    values = choice.tuned.space[path]
    if choice.winner is None or not isinstance(values, Range):
        return ""
    value = choice.tuned.settings(choice.winner.trial)[path]
    advice = f"{path} {value:g} is at the {end} end of {values}: there may be better beyond it"
    if values.scale != "log" or values.whole:
        return advice
    low, high = (values.low / 10, values.high) if end == "low" else (values.low, values.high * 10)
    return f"{advice}, tune: {{{flow(choice.tuned.label)}: {{{path}: [{low:g}, {high:g}]}}}}"


def _footer(tuning: Tuning) -> str:
    means = {"geometric" if choice.geometric else "arithmetic" for choice in tuning.choices}
    found = tuning.document
    return (
        f"Scores are {' or '.join(sorted(means))} means over the images for tuning: settings were "
        "chosen by them, so they are no results. "
        f"Spent: {found['passes']:,} passes, {found['seconds']:,.0f} seconds."
    )
