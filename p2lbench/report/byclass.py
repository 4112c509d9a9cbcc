"""A leaderboard's numbers by class of image, on the metric that it is ranked on."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from p2lbench.leaderboard import Leaderboard, Row, Statistic, as_text
from p2lbench.report.text import count, markdown, plain

_KINDS: tuple[Statistic, ...] = ("mean", "selected")


def by_class(board: Leaderboard, form: str, width: int = 100) -> str:
    """As text that ends with a newline: a line per row and statistic, a column per class.

    `form`: `table` or `markdown`; `width` in characters, for `table`. † stands where a row does
    not have all images of a class.

    Raises: ValueError for another form.
    """
    if form not in ("table", "markdown"):
        raise ValueError(f"by class there are table and markdown, not {form!r}")
    classes = sorted({name for row in board.rows for name in row.classes})
    if board.ranked_on is None or not classes:
        return "no class of images to show: the suite names none, or no row has a number\n"
    metric = board.metric(board.ranked_on)
    better = "higher" if metric.higher_is_better else "lower"
    caption = f"{board.suite.name}: {metric.label} by class, {better} is better"
    make = _table if form == "table" else _markdown
    return make(board, classes, f"{caption}. {_NOTE}", width)


_NOTE = "Over repeats, then the images of a class"


def _heads(board: Leaderboard, classes: list[str]) -> list[str]:
    sizes = Counter(board.suite.classes.values())
    return [f"{plain(name)}\n{count(sizes[name], 'image')}" for name in classes]


def _lines(board: Leaderboard, classes: list[str]) -> Iterator[list[str]]:
    for row in board.rows:
        label = " · ".join(row.labels[k] for k in reversed(board.varying))
        for kind in _KINDS:
            numbers = [_number(board, row, kind, name) for name in classes]
            yield [label if kind == _KINDS[0] else "", kind, *numbers]


def _number(board: Leaderboard, row: Row, kind: Statistic, name: str) -> str:
    found, metric = row.classes.get(name), board.ranked_on or ""
    value = None if found is None else (found.mean if kind == "mean" else found.selected)[metric]
    if found is None or value is None:
        return "—"
    whole = found.images == Counter(board.suite.classes.values())[name]
    return as_text(value, board.digits(metric)) + ("" if whole else "†")


def _table(board: Leaderboard, classes: list[str], caption: str, width: int) -> str:
    """Where classes are more than have room, the others follow below."""
    heads = ["method", "", *_heads(board, classes)]
    columns = zip(*_lines(board, classes), strict=True)
    cells = [[head, *map(plain, own)] for head, own in zip(heads, columns, strict=True)]
    wide = [max(cell_len(line) for cell in column for line in cell.split("\n")) for column in cells]
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(Text(plain(caption)))
        for part in _parts(wide, width):
            table = Table(box=None, pad_edge=False)
            for k in part:
                head, name = Text(cells[k][0]), k < _NAMES
                table.add_column(head, justify="left" if name else "right", overflow="fold")
            for line in zip(*(cells[k][1:] for k in part), strict=True):
                table.add_row(*map(Text, line))
            console.print(table)
            console.print()
    return "\n".join(line.rstrip() for line in capture.get().rstrip().splitlines()) + "\n"


_NAMES = 2  # columns that say which line it is


def _parts(wide: Sequence[int], width: int) -> Iterator[list[int]]:
    """The columns of each table: the names, and as many classes as there is room for."""
    names, gap = list(range(_NAMES)), 2
    room = width - sum(wide[k] + gap for k in names) + gap
    part: list[int] = []
    for k in range(_NAMES, len(wide)):
        if part and sum(wide[j] + gap for j in (*part, k)) > room:
            yield names + part
            part = []
        part.append(k)
    yield names + part


def _markdown(board: Leaderboard, classes: list[str], caption: str, width: int) -> str:
    heads = [markdown(head.replace("\n", ", ")) for head in _heads(board, classes)]
    lines = [["method", "", *heads], ["---", "---"] + ["---:"] * len(classes)]
    lines += [[markdown(cell) for cell in line] for line in _lines(board, classes)]
    rows = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{markdown(caption)}\n\n{rows}\n"
