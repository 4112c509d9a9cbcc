"""What is printed of two results folders side by side, for a terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from p2lbench.leaderboard import AXES, as_text, decimals
from p2lbench.report.text import count, plain, shorten
from p2lbench.rows import Metric
from p2lbench.sidebyside import Figures, Labels, Pair, SideBySide

_ARROWS = {True: "↑", False: "↓"}
_FEW = 6  # differences that are spelt out


def titles(board: SideBySide) -> Iterator[str]:
    """What is compared, and how much of it both have."""
    for word, suite, folder in zip(("first", "second"), board.suites, board.folders, strict=True):
        yield f"{word}: {suite.name} in {folder}"
    images = f"{count(board.images, 'image')} in both"
    rows = f"{count(len(board.pairs), 'row')} in both"
    yield f"{images}, {rows}"


def heads(board: SideBySide) -> list[str]:
    """Above the columns of the metric to look at first; a line for each word."""
    tested = ["p\nHolm", ""] if _tested(board) else []
    return [*("selected\nfirst", "selected\nsecond", "mean\nfirst", "mean\nsecond"),
            scale(board, board.metric), "95%\ninterval", "images\nwon", *tested]  # fmt: skip


def cells(board: SideBySide, pair: Pair) -> list[str]:
    """A pair of rows below `heads`."""
    figures = None if board.metric is None else pair.figures[board.metric]
    if figures is None or board.metric is None:
        return ["—"] * 4 + [""] * (len(heads(board)) - 4)
    digits = _digits(board, board.metric)
    numbers = [as_text(value, digits) for value in (*figures.selected, *figures.mean)]
    one = figures.effect
    ends = " to\n".join(effect_text(figures, end, digits) for end in one.effect.interval or ())
    won = f"{one.effect.won} of {one.effect.images}"
    tied = f"\n({one.effect.tied} tied)" if one.effect.tied else ""
    p = "—" if one.p_holm is None else "<0.001" if one.p_holm < 0.001 else f"{one.p_holm:.3f}"
    tested = [p, one.mark or ""] if _tested(board) else []
    value = effect_text(figures, one.effect.value, digits)
    return [*numbers, value, ends or "—", won + tied, *tested]


def valued(board: SideBySide) -> list[Metric]:
    """The metrics that some pair has figures of."""
    return [m for m in board.metrics if any(pair.figures[m.name] for pair in board.pairs)]


def effects(board: SideBySide, metric: Metric) -> list[str]:
    """A metric's effects alone: a text per pair, marked where the test allows."""
    digits = _digits(board, metric.name)
    found = []
    for pair in board.pairs:
        figures = pair.figures[metric.name]
        if figures is None:
            found.append("—")
            continue
        mark = {"better": " better", "worse": " worse", None: ""}[figures.effect.mark]
        found.append(effect_text(figures, figures.effect.effect.value, digits) + mark)
    return found


def effect_text(figures: Figures, value: float, digits: int) -> str:
    """A ratio, or a difference with its sign."""
    if figures.effect.effect.scale == "ratio":
        return as_text(value, 3)
    return f"{'+' if value > 0 else ''}{as_text(value, digits)}"


def scale(board: SideBySide, metric: str | None) -> str:
    """`ratio` or `difference`."""
    found = [pair.figures[metric] for pair in board.pairs if metric is not None]
    return next((figures.effect.effect.scale for figures in found if figures), "ratio")


def heading(metric: Metric) -> str:
    """A metric and which way is better."""
    return f"{metric.label} {_ARROWS[metric.higher_is_better]}"


def name(board: SideBySide, labels: Labels) -> list[str]:
    """A row's names, the optimizer first."""
    return [labels[k] for k in reversed(board.varying)]


def legend(board: SideBySide) -> Iterator[str]:
    """What the columns say."""
    known = {metric.name: metric for metric in board.metrics}
    if board.metric is None:
        return
    metric = known[board.metric]
    if scale(board, board.metric) == "ratio":
        what = "second / first, geometric mean over images; below 1: the second has less error"
    else:
        way = "above" if metric.higher_is_better else "below"
        what = f"second − first, mean over images; {way} 0: the second is better"
    yield (
        f"On {metric.label}, of selected, over the images and repeats that both have. {what}. "
        "images won: by the second."
    )
    if _tested(board):
        test = "Wilcoxon's test at 5%, Holm's correction over the rows"
        yield f"better, worse: the second, by {test}."
    yield from _detectable(board, metric)


def _detectable(board: SideBySide, metric: Metric) -> Iterator[str]:
    """The smallest effects that the images could have shown; of equal results, nothing."""
    found = [figures.effect for pair in board.pairs if (figures := pair.figures[metric.name])]
    sizes = [one.detectable for one in found if one.detectable and one.effect.changes.any()]
    if sizes:
        ends = dict.fromkeys(f"{value:.2g}" for value in (min(sizes), max(sizes)))
        yield f"Detectable (5%, power 80%): {scale(board, metric.name)} of {' to '.join(ends)}."


def remarks(board: SideBySide) -> Iterator[str]:
    """By what the two differ, what one alone has, and what else must be known."""
    for one in board.differences:
        yield f"{one.what}: {_value(one.first)} → {_value(one.second)}"
    for pair in board.pairs:
        if pair.differences:
            told = [f"{d.what} {_value(d.first)} → {_value(d.second)}" for d in pair.differences]
            more = f", and {len(told) - _FEW} more" if len(told) > _FEW else ""
            yield f"{' · '.join(name(board, pair.labels))}: {', '.join(told[:_FEW])}{more}"
    yield from _left_out(board)
    for word, images, rows in zip(
        ("first", "second"), board.only_images, board.only_rows, strict=True
    ):
        if images:
            yield f"images in the {word} alone: {_list(images)}"
        if rows:
            names = [" · ".join(name(board, row)) for row in rows]
            yield f"rows in the {word} alone: {_list(names)}"
    yield from board.notes


def _left_out(board: SideBySide) -> Iterator[str]:
    """Cells of rows that both have, which one alone planned."""
    counts = {pair.only for pair in board.pairs}
    for pair in board.pairs[:1] if len(counts) == 1 else board.pairs:
        whose = "each row" if len(counts) == 1 else " · ".join(name(board, pair.labels))
        first, second = pair.only
        if first or second:
            yield (
                f"{whose}: {count(first, 'cell')} in the first alone, {second} in the second "
                "alone: left out"
            )


def _list(names: Sequence[str]) -> str:
    rest = len(names) - _FEW
    return ", ".join([*map(plain, names[:_FEW]), *([f"and {rest} more"] if rest > 0 else [])])


def _value(value: object) -> str:
    return "nothing" if value is None else shorten(str(value), 60)


def _digits(board: SideBySide, metric: str) -> int:
    found = [figures for pair in board.pairs if (figures := pair.figures[metric])]
    return decimals(value for f in found for value in (*f.selected, *f.mean))


def _tested(board: SideBySide) -> bool:
    found = [pair.figures[board.metric] for pair in board.pairs if board.metric is not None]
    return any(figures is not None and figures.effect.p is not None for figures in found)


def fixed(board: SideBySide) -> str:
    """The axes on which no row differs."""
    rows = [*(pair.labels for pair in board.pairs), *board.only_rows[0], *board.only_rows[1]]
    if not rows:
        return ""
    return " · ".join(f"{AXES[k]} {rows[0][k]}" for k in range(len(AXES)) if k not in board.varying)
