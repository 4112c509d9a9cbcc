"""Exported lines as CSV or Parquet, through polars; no more than a page is held at a time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2lbench.exports import Line, Type
from p2lbench.folder import explained
from p2lbench.leaderboard import AXES
from p2lbench.report.text import csv_cell

if TYPE_CHECKING:
    import polars as pl

Columns = Mapping[str, Type]
_FIRST = (*AXES, "image")  # columns of every export
_HEAD = 1000  # bytes


def write(path: Path, form: str, columns: Columns, pages: Iterable[Sequence[Line]]) -> int:
    """Write `pages` to `path` as `csv` or `parquet`, whole or not at all; returns how many lines.

    Raises: StoreError if the file cannot be written.
    """
    makers: dict[str, Callable[[Path, Columns, Iterable[Sequence[Line]]], int]]
    makers = {"csv": _csv, "parquet": _parquet}
    with (
        explained(path.parent),
        tempfile.TemporaryDirectory(prefix=".p2lbench-", dir=path.parent) as place,
    ):
        made = Path(place) / path.name
        lines = makers[form](made, columns, pages)
        os.replace(made, path)
    return lines


def replaceable(path: Path, form: str) -> bool:
    """Whether `write` may take a path: nothing is there, or what it made before."""
    if not path.exists():
        return True
    if not path.is_file():
        return False
    if form == "csv":
        with path.open("rb") as file:
            return file.readline(_HEAD).startswith(",".join(_FIRST).encode())
    import polars as pl

    try:
        return tuple(pl.read_parquet_schema(path))[: len(_FIRST)] == _FIRST
    except pl.exceptions.PolarsError:
        return False


def _csv(path: Path, columns: Columns, pages: Iterable[Sequence[Line]]) -> int:
    """Nulls are empty; texts that a spreadsheet would take for formulas get a '."""
    total = 0
    with open(path, "wb") as file:
        for page in pages:
            guarded = [[csv_cell(v) if isinstance(v, str) else v for v in line] for line in page]
            _frame(columns, guarded).write_csv(file, include_header=total == 0 and not file.tell())
            total += len(page)
    return total


def _parquet(path: Path, columns: Columns, pages: Iterable[Sequence[Line]]) -> int:
    """A file per page first, which polars then streams into one."""
    import polars as pl

    parts: list[Path] = []
    total = 0
    for page in pages:
        parts.append(path.with_name(f"page-{len(parts):06d}"))
        _frame(columns, page).write_parquet(parts[-1])
        total += len(page)
    pl.scan_parquet(parts).sink_parquet(path, maintain_order=True)
    return total


def _frame(columns: Columns, lines: Sequence[Line]) -> pl.DataFrame:
    import polars as pl

    types = {"text": pl.String, "number": pl.Float64, "whole": pl.Int64, "flag": pl.Boolean}
    schema = {name: types[kind] for name, kind in columns.items()}
    return pl.DataFrame(
        [[_valid(value) for value in line] for line in lines], schema=schema, orient="row"
    )


def _valid(value: Any) -> Any:
    """Lone surrogates, as of undecodable file names, written out: polars takes UTF-8 alone."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "backslashreplace").decode()
