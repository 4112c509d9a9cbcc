"""`p2lbench leaderboard`: what is in a results folder."""

from __future__ import annotations

import shutil
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from p2lbench.cli.common import FOLDER, JSON, out
from p2lbench.cli.waiting import waiting
from p2lbench.errors import UserError

if TYPE_CHECKING:
    from p2lbench.leaderboard import Leaderboard


class Format(StrEnum):
    """How a leaderboard is printed."""

    table = "table"
    json = "json"
    csv = "csv"
    markdown = "markdown"
    latex = "latex"


class By(StrEnum):
    """What a leaderboard's numbers can be told by."""

    class_ = "class"


def leaderboard(
    folder: FOLDER,
    form: Annotated[Format, typer.Option("--format", help="How to print it.")] = Format.table,
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="NAME", help="LaTeX: a column; may be repeated."),
    ] = None,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="LaTeX: 95% intervals beside the averages.")
    ] = False,
    tabular: Annotated[
        bool, typer.Option("--tabular", help="LaTeX: without float, caption and label.")
    ] = False,
    by: Annotated[
        By | None, typer.Option("--by", help="Its ranked numbers by class of image.")
    ] = None,
    as_json: JSON = False,
) -> None:
    """Print the leaderboard of a results folder."""
    from p2lbench import leaderboard as boards
    from p2lbench.report import formats
    from p2lbench.report.latex import Latex, as_latex
    from p2lbench.report.terminal import LeaderboardView
    from p2lbench.store import Store

    chosen = Format.json if as_json else form
    style = Latex(tuple(metric or ()), intervals, tabular)
    if chosen is not Format.latex and style != Latex():
        raise UserError("--metric, --intervals and --tabular are for --format latex alone")
    with Store.open_read(folder) as store, waiting("reading the results"):
        board = boards.load(store)
    if by is not None:
        sys.stdout.write(_by_class(board, chosen))
        return
    if chosen is Format.latex:
        sys.stdout.write(as_latex(board, style))
        return
    if chosen is Format.table and sys.stdout.isatty():
        out().print(LeaderboardView(board))
        return
    width = shutil.get_terminal_size((100, 24)).columns
    sys.stdout.write(formats.render(board, chosen.value, width))


def _by_class(board: Leaderboard, form: Format) -> str:
    from p2lbench.report.byclass import by_class

    if form not in (Format.table, Format.markdown):
        message = "--by class goes with --format table and markdown; --json always has `classes`"
        raise UserError(message)
    return by_class(board, form.value, shutil.get_terminal_size((100, 24)).columns)
