"""Two results folders side by side, in a terminal of any width and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.text import Text

from p2lbench.report import sidebyside as told
from p2lbench.report.columns import Column, packed, table
from p2lbench.report.text import encodable, folded, markdown, plain
from p2lbench.sidebyside import Labels, SideBySide

_NAME_WIDTH, _HEAD_WIDTH = 26, 10
_STYLES = {"better": "bold green", "worse": "bold red", "—": "dim"}


class SideBySideView:
    """A rich renderable: print it on a Console."""

    def __init__(self, board: SideBySide) -> None:
        self.board = board

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self._encoding = options.encoding
        for k, line in enumerate(told.titles(self.board)):
            yield self._text(line, "bold" if k < 2 else "")
        yield self._text(told.fixed(self.board), "dim")
        yield Text()
        if self.board.pairs:
            yield from self._tables(options.max_width)
        yield from (
            Padding(self._text(line, "dim"), (0, 0, 0, 1)) for line in told.legend(self.board)
        )
        for line in told.remarks(self.board):
            yield Padding(self._text(f"• {line}", "yellow"), (0, 0, 0, 1))

    def _tables(self, width: int) -> RenderResult:
        """On the metric to look at first; then the effects on all."""
        names = [Column(Text("row"), tuple(self._name(p.labels) for p in self.board.pairs), True)]
        for columns in packed(names, self._numbers(), width):
            yield table(columns)
            yield Text()
        if len(told.valued(self.board)) > 1:
            yield self._text("second against first, of selected, on all metrics", "bold")
            for columns in packed(names, self._effects(), width):
                yield table(columns)
                yield Text()

    def _numbers(self) -> list[Column]:
        rows = [told.cells(self.board, pair) for pair in self.board.pairs]
        return [
            Column(Text(self._say(head), "bold"), tuple(self._cell(text) for text in column))
            for head, *column in zip(told.heads(self.board), *rows, strict=True)
        ]

    def _effects(self) -> list[Column]:
        found = []
        for metric in told.valued(self.board):
            cells = tuple(self._cell(text) for text in told.effects(self.board, metric))
            style = "bold cyan" if metric.name == self.board.metric else "bold"
            lines = folded(told.heading(metric), lambda part: cell_len(part) <= _HEAD_WIDTH)
            head = "\n".join([*lines, told.scale(self.board, metric.name)])
            found.append(Column(Text(self._say(head), style), cells))
        return found

    def _cell(self, text: str) -> Text:
        return Text(self._say(text), _STYLES.get(text.split(" ")[-1], ""))

    def _name(self, labels: Labels) -> Text:
        first, *rest = told.name(self.board, labels)
        lines = [self._folded(first, "bold"), *(self._folded(name, "dim") for name in rest)]
        return Text("\n").join(lines)

    def _folded(self, name: str, style: str) -> Text:
        lines = folded(name, lambda part: cell_len(part) <= _NAME_WIDTH)
        return Text(self._say("\n".join(lines)), style)

    def _text(self, text: str, style: str = "") -> Text:
        return Text(self._say(plain(text)), style)

    def _say(self, text: str) -> str:
        return encodable(text, self._encoding)


def as_markdown(board: SideBySide) -> str:
    """The same as GitHub shows it."""
    titles = "".join(f"{markdown(line)}  \n" for line in told.titles(board))
    tables = "".join(f"{text}\n\n" for text in _tables(board))
    legend = "".join(f"{markdown(line)}\n\n" for line in told.legend(board))
    notes = "".join(f"- {markdown(line)}\n" for line in told.remarks(board))
    return f"{titles}\n{tables}{legend}{notes}"


def _tables(board: SideBySide) -> Iterator[str]:
    if not board.pairs:
        return
    names = [markdown(" · ".join(told.name(board, pair.labels))) for pair in board.pairs]
    heads = [head.replace("\n", " ") for head in told.heads(board)]
    yield _table(
        heads, [[n, *told.cells(board, p)] for n, p in zip(names, board.pairs, strict=True)]
    )
    columns = [told.effects(board, metric) for metric in told.valued(board)]
    heads = [markdown(told.heading(metric)) for metric in told.valued(board)]
    if columns:
        yield _table(heads, [list(line) for line in zip(names, *columns, strict=True)])


def _table(heads: list[str], lines: list[list[str]]) -> str:
    """The first column is of names."""
    rows = [["row", *heads], ["---", *(["---:"] * len(heads))], *lines]
    return "\n".join(f"| {' | '.join(cells)} |".replace("\n", " ") for cells in rows)
