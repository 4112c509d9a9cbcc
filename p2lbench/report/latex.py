"""The leaderboard as the paper's Table 1: means over candidates and the best of them, booktabs."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from p2lbench.errors import UserError, did_you_mean
from p2lbench.leaderboard import AXES, Leaderboard, Metric, Row, Statistic, as_text
from p2lbench.report.latextext import latex, marked, needs_of, number
from p2lbench.report.text import count, folded
from p2lbench.report.used import parts_of, used

_KINDS: tuple[Statistic, ...] = ("mean", "best")
_GROUPED = (0, 1)  # generator and loss head groups of rows
_PER_PIXEL = ("l1", "l2", "mae", "mse", "psnr")
_NARROW = 8  # columns of numbers that one column of a paper takes
_HEAD = 9  # letters of a metric's name in a line
_NOTHING = "--"
_K = TypeVar("_K", bound=Hashable)


@dataclass(frozen=True)
class Latex:
    """How the table is set.

    `metrics`: the columns, by name; empty: all that have values. `intervals`: 95% intervals beside
    the averages. `tabular`: the tabular alone, for a float of one's own.
    """

    metrics: tuple[str, ...] = ()
    intervals: bool = False
    tabular: bool = False


def as_latex(board: Leaderboard, style: Latex | None = None) -> str:
    """The table as LaTeX; a comment says which packages it needs.

    Raises: UserError if a metric of the style is none of the table's.
    """
    style = style or Latex()
    table = _Table(board, _chosen(board, style.metrics), style.intervals)
    notes = list(_notes(board, table.metrics))
    body = table.tabular() if style.tabular else _float(board, table, notes)
    needs = [r"\usepackage{booktabs}", *needs_of("\n".join([*body, *notes]))]
    comments = [f"needs {', '.join(needs)}", *_left_out(board, table.metrics)]
    comments += notes if style.tabular else []
    return "\n".join([*(f"% {line}" for line in comments), *body, ""])


def _chosen(board: Leaderboard, names: Sequence[str]) -> list[Metric]:
    known = {metric.name: metric for metric in board.metrics}
    for name in names:
        if name not in known:
            has = ", ".join(known) or "none"
            raise UserError(
                f"--metric: no metric '{name}' here.{did_you_mean(name, known)} It has: {has}"
            )
    wanted = [known[name] for name in dict.fromkeys(names)]
    return wanted or [metric for metric in board.metrics if _has_values(board, metric)]


def _has_values(board: Leaderboard, metric: Metric) -> bool:
    return any(row.value(kind, metric.name) is not None for row in board.rows for kind in _KINDS)


def _float(board: Leaderboard, table: _Table, notes: Sequence[str]) -> list[str]:
    """A float with caption and label, notes in small print."""
    large = len(table.metrics) * len(_KINDS) > _NARROW
    wide = "*" if large else ""
    small = [r"\par\smallskip", r"{\footnotesize\raggedright", *(f"{n}\\par" for n in notes), "}"]
    return [
        f"\\begin{{table{wide}}}[t]",
        r"\centering",
        r"\footnotesize" if large else r"\small",
        r"\setlength{\tabcolsep}{3pt}",
        *table.tabular(),
        *(small if notes else []),
        f"\\caption{{{_caption(board, table.metrics)}}}",
        f"\\label{{tab:{_label(board.suite.name)}}}",
        f"\\end{{table{wide}}}",
    ]


class _Table:
    """The tabular: columns of names and marks, then a group of columns for each statistic."""

    def __init__(self, board: Leaderboard, metrics: list[Metric], intervals: bool) -> None:
        self.board, self.metrics, self.intervals = board, metrics, intervals
        self.numbers = {kind: self._cells(kind) for kind in _KINDS}
        self.marks = {k: used(board, k) for k in board.varying if k not in (*_GROUPED, 4)}

    @property
    def heads(self) -> list[str]:
        """Above names and marks."""
        heads = ["Optimizer"]
        for k, marks in self.marks.items():
            names = [AXES[k].capitalize()] if marks is None else parts_of(self.board, k)
            heads += [latex(name) for name in names]
        return [*heads, *(["Settings"] if self.board.shows_settings else [])]

    @property
    def places(self) -> str:
        """The columns of names and marks as the tabular declares them."""
        found = "l"
        for k, marks in self.marks.items():
            found += "l" if marks is None else "c" * len(parts_of(self.board, k))
        return found + ("l" if self.board.shows_settings else "")

    def tabular(self) -> list[str]:
        """Lines from \\begin{tabular} to \\end{tabular}."""
        columns = f"{self.places}{'r' * (len(_KINDS) * len(self.metrics) + 1)}"
        return [
            f"\\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
            r"\toprule",
            *self._head(),
            *self._body(),
            r"\bottomrule",
            r"\end{tabular}",
        ]

    def _head(self) -> Iterator[str]:
        left, wide = len(self.heads), len(self.metrics)
        names = [f"{name} of {_seeds(self.board)}" for name in ("Average", "Best")]
        if wide:
            yield _spans(left, [(name, wide) for name in names])
        families = [(name, len(list(found))) for name, found in groupby(map(_family, self.metrics))]
        if any(name for name, _ in families):
            yield _spans(left, families * len(_KINDS))
        yield _line(
            [*self.heads, *map(_heading, self.metrics), *map(_heading, self.metrics), "Passes"]
        )

    def _body(self) -> Iterator[str]:
        """Rows in the ranking's order, those of a group together."""
        outer = [k for k in self.board.varying if k in _GROUPED]
        order = list(range(len(self.board.rows)))
        groups = _gathered(order, lambda k: tuple(self.board.rows[k].labels[j] for j in outer))
        for labels, group in groups.items():
            yield r"\midrule"
            if outer:
                said = ", ".join(f"{AXES[j]} {name}" for j, name in zip(outer, labels, strict=True))
                columns = len(self.heads) + len(_KINDS) * len(self.metrics) + 1
                yield f"\\multicolumn{{{columns}}}{{@{{}}l}}{{\\emph{{{latex(said)}}}}} \\\\"
            yield from self._methods(group)

    def _methods(self, group: Sequence[int]) -> Iterator[str]:
        """The rows of an optimizer together, a rule between optimizers if one has several."""
        methods = _gathered(group, lambda k: self.board.rows[k].labels[4]).values()
        ruled = any(len(found) > 1 for found in methods)
        for j, found in enumerate(methods):
            if j and ruled:
                yield r"\midrule"
            yield from (self._row(k) for k in found)

    def _row(self, k: int) -> str:
        row = self.board.rows[k]
        cells = [latex(row.labels[4]) + (r"$^\dagger$" if row.partial else "")]
        cells[0] += r"$^\ddagger$" if self.board.told(row) else ""
        for axis, marks in self.marks.items():
            name = row.labels[axis]
            cells += [latex(name)] if marks is None else [_check(on) for on in marks[name]]
        cells += [row.settings or ""] if self.board.shows_settings else []
        passes = _NOTHING if row.passes is None else f"{row.passes:,.0f}"
        return _line([*cells, *(c for kind in _KINDS for c in self.numbers[kind][k]), passes])

    def _cells(self, kind: Statistic) -> list[list[str]]:
        """For each row one per metric."""
        found: list[list[str]] = [[] for _ in self.board.rows]
        for metric in self.metrics:
            places = self.board.places(kind, metric.name)
            for k, row in enumerate(self.board.rows):
                found[k].append(self._cell(row, kind, metric.name, places.get(k)))
        return found

    def _cell(self, row: Row, kind: Statistic, metric: str, place: int | None) -> str:
        value, digits = row.value(kind, metric), self.board.digits(metric)
        if value is None:
            return _NOTHING
        text = marked(number(as_text(value, digits)), place)
        ends = row.ci[metric] if self.intervals and kind == "mean" else None
        if ends is None:
            return text
        low, high = (number(as_text(end, digits)) for end in ends)
        return rf"{text} {{\scriptsize [{low}, {high}]}}"


def _gathered(rows: Sequence[int], key: Callable[[int], _K]) -> dict[_K, list[int]]:
    """Rows of one key together, in the order in which the keys come."""
    found: dict[_K, list[int]] = {}
    for k in rows:
        found.setdefault(key(k), []).append(k)
    return found


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _spans(left: int, groups: Sequence[tuple[str, int]]) -> str:
    """A line of heads over several columns each, and the rules below those that have a name."""
    cells, rules, at = [""] * left, [], left + 1
    for name, width in groups:
        cells.append(f"\\multicolumn{{{width}}}{{c}}{{{name}}}")
        rules += [f"\\cmidrule(lr){{{at}-{at + width - 1}}}"] if name else []
        at += width
    return f"{_line([*cells, ''])}\n{' '.join(rules)}"


def _family(metric: Metric) -> str:
    """What metrics are called together, as in the paper's heads; nothing for others."""
    if metric.name in _PER_PIXEL:
        return "Per-pixel"
    return "LPIPS" if metric.name.startswith("lpips-") else ""


def _heading(metric: Metric) -> str:
    """A name in lines of a few letters, and which way is better."""
    short = metric.label.removeprefix("lpips-") if _family(metric) == "LPIPS" else metric.label
    arrow = r"$\uparrow$" if metric.higher_is_better else r"$\downarrow$"
    lines = [latex(line) for line in folded(short, lambda part: len(part) <= _HEAD)]
    if len(lines) < 2:
        return f"{lines[0] if lines else ''} {arrow}"
    stacked = r" \\ ".join(lines)
    return f"\\shortstack[r]{{{stacked} {arrow}}}"


def _check(on: bool) -> str:
    return r"$\checkmark$" if on else ""


def _seeds(board: Leaderboard) -> str:
    """The paper's word for candidates."""
    return count(board.suite.candidates, "seed")


def _caption(board: Leaderboard, metrics: Sequence[Metric]) -> str:
    suite = board.suite
    images = count(max((row.planned for row in board.rows), default=0), "image")
    fixed = [k for k in range(len(AXES)) if k not in board.varying]
    parts = [f"{AXES[k]} {board.rows[0].labels[k]}" for k in fixed] if board.rows else []
    sentences = [
        f"{suite.name}: {', '.join([images, count(suite.repeats, 'repeat'), *parts])}",
        f"Average and best of {_seeds(board)} per image, inside the mask and in the original frame",
        *_effort(board),
        "Best in bold, second underlined",
    ]
    return " ".join(f"{latex(sentence)}." for sentence in sentences)


def _effort(board: Leaderboard) -> Iterator[str]:
    """What is said of passes."""
    equal = ", the same for all methods" if board.suite.protocol == "equal" else ""
    yield f"Passes: images through the generator, forward and backward, per image{equal}"


def _label(name: str) -> str:
    """Letters, digits and hyphens alone: what every package takes in a label."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") or "leaderboard"


def _notes(board: Leaderboard, metrics: Sequence[Metric]) -> Iterator[str]:
    """What the table's numbers need said, as LaTeX."""
    shown = {metric.name for metric in metrics}
    hidden = tuple(f"{m.name}: " for m in board.metrics if m.name not in shown)
    if any(row.partial for row in board.rows):
        yield r"$^\dagger$ not over all images."
    yield from (f"{latex(note)}." for note in board.notes if not note.startswith(hidden))
    for row in board.rows:
        notes = [note for note in row.notes if not note.startswith(hidden)]
        if notes:
            name = ", ".join(row.labels[k] for k in reversed(board.varying))
            yield f"{latex(name)}: {latex('; '.join(notes))}."


def _left_out(board: Leaderboard, metrics: Sequence[Metric]) -> Iterator[str]:
    """Metrics without a column, for a comment."""
    names = [latex(m.name) for m in board.metrics if m not in metrics]
    if names:
        yield f"without a column: {', '.join(names)}"
