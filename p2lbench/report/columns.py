"""Columns of styled text in as many tables as a terminal's width asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

_GAP = 2  # between columns


@dataclass(frozen=True)
class Column:
    """A head and a cell per row, of one or more lines each."""

    header: Text
    cells: tuple[Text, ...]
    left: bool = False

    @property
    def width(self) -> int:
        """Of its widest line."""
        lines = [
            *self.header.plain.split("\n"),
            *(part for c in self.cells for part in c.plain.split("\n")),
        ]
        return max(cell_len(line) for line in lines)


def packed(names: list[Column], numbers: list[Column], width: int) -> Iterator[list[Column]]:
    """Splits the columns of numbers over as many tables as the width asks for."""
    fixed = sum(column.width + _GAP for column in names)
    page: list[Column] = []
    for column in numbers:
        used = fixed + sum(c.width + _GAP for c in page)
        if page and used + column.width + _GAP > width:
            yield names + page
            page = []
        page.append(column)
    yield names + page


def table(columns: list[Column]) -> Table:
    """The columns beside each other, a rule below the heads."""
    made = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1),
        collapse_padding=True,
        leading=1,
    )
    for column in columns:
        justify: Literal["left", "right"] = "left" if column.left else "right"
        made.add_column(column.header, justify=justify, no_wrap=True, vertical="top")
    for cells in zip(*(column.cells for column in columns), strict=True):
        made.add_row(*cells)
    return made
