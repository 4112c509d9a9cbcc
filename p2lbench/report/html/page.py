"""From a results folder to the text of its report."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from p2lbench import __version__
from p2lbench.leaderboard import AXES, STATISTICS, Leaderboard, load
from p2lbench.report.effects import effect_text
from p2lbench.report.html import cells, experiment, failures, names, pictures, scripts, table
from p2lbench.report.html.classes import by_class
from p2lbench.report.html.figure import Figure, Source
from p2lbench.report.html.figures import figures
from p2lbench.report.html.heat import SHADES, heat
from p2lbench.report.text import count, plain
from p2lbench.store import Store

GENERATOR = "p2lbench report"


def render(
    store: Store,
    say: Callable[[str], None] = lambda text: None,
    limit: int = pictures.LIMIT,
) -> str:
    """The page; the same folder gives the same text. `say` is told how far it is.

    Raises: StoreError if the folder cannot be read, or nothing was planned in it.
    """
    say("reading the leaderboard")
    board = load(store)
    found = cells.collect(store, board, say)
    gallery = pictures.Painter(store, board, found, limit).paint(say)
    say("drawing")
    drawn = figures(Source(board, found))
    told = pictures.gallery_json(board, found, gallery)
    paper = experiment.section(store, board, pictures.names_shown(found, gallery))
    parts = [scripts.code(scripts.plotly())] if drawn or paper else []
    parts += [scripts.code(scripts.asset(name)) for name in scripts.SCRIPTS]
    document = {
        "gallery": told,
        "figures": [_figure_json(figure) for figure in drawn],
        "methods": [names.method(board, row) for row in board.rows],
        "paper": [] if paper is None else paper.drawn,
    }
    text: str = _template().render(
        policy=scripts.policy(parts),
        scripts=parts,
        styles=[scripts.code(scripts.asset(name)) for name in scripts.STYLES],
        data=scripts.data(document),
        generator=f"{GENERATOR} {__version__}",
        figures=drawn,
        paper=None if paper is None else paper.told,
        gallery=gallery,
        **_of_board(board),
        **_of_cells(board, found),
        suite_text=_text(store.folder / "suite.yaml"),
        environment=_environment(store.folder / "environment.json"),
    )
    return text


def _template() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("p2lbench.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = count
    return environment.get_template("page.html")


def _of_board(board: Leaderboard) -> dict[str, Any]:
    """What the leaderboard alone decides."""
    return {
        "suite": plain(board.suite.name),
        "facts": _facts(board),
        "axes": _axes(board),
        "ranking": _ranking(board),
        "held_out": board.held_out,
        "notes": [plain(note) for note in board.notes],
        "row_notes": [
            (names.method(board, row), [plain(note) for note in row.notes])
            for row in board.rows
            if row.notes
        ],
        "heads": table.metric_heads(board),
        "effect_heads": table.effect_columns(board),
        "effect_text": effect_text(board) if board.shows_effects else "",
        "spent_heads": table.spent_heads(),
        "lines": table.lines(board),
        "diagnostics": table.diagnostics(board),
        "methods": [names.method(board, row) for row in board.rows],
        "statistics": STATISTICS,
        "candidates": board.suite.candidates,
        "partial": any(row.partial for row in board.rows),
    }


def _of_cells(board: Leaderboard, found: cells.Found) -> dict[str, Any]:
    """What the cells add."""
    return {
        "statuses": sorted(found.statuses.items(), key=lambda item: (item[0] != "ok", item[0])),
        "planned": len(found.cells),
        "failures": failures.groups(board, found),
        "heat": heat(board, found),
        "by_class": by_class(board),
        "shades": SHADES,
        "plain": plain,
    }


def _facts(board: Leaderboard) -> list[tuple[str, str]]:
    """(what, how much) of the run as a whole."""
    suite = board.suite
    images = str(max((row.planned for row in board.rows), default=0))
    if suite.tune_images:
        images += f" ({suite.tune_images} for tuning left out)"
    budget = [f"{value:,g} {unit}" for unit, value in suite.budget.items()]
    return [
        ("methods", str(len(board.rows))),
        ("images", images),
        ("candidates", str(suite.candidates)),
        ("repeats", str(suite.repeats)),
        ("protocol", plain(suite.protocol)),
        ("budget per cell", ", ".join(budget) or "none"),
    ]


def _axes(board: Leaderboard) -> list[tuple[int, str, list[str], bool]]:
    """(index, axis, its names, whether rows differ in it), in the order of the cross."""
    return [
        (k, axis, sorted({plain(row.labels[k]) for row in board.rows}), k in board.varying)
        for k, axis in enumerate(AXES)
    ]


def _ranking(board: Leaderboard) -> str:
    if board.ranked_on is None:
        return "Not ranked: no metric has a value in all rows that could be ranked."
    label = plain(board.metric(board.ranked_on).label)
    if board.held_out:
        return f"Ranked by selected, on {label}: held out, no method optimised it."
    return f"Ranked by selected, on {label}: an optimised metric, which favours who optimised it."


def _figure_json(figure: Figure) -> dict[str, Any]:
    return {
        "key": figure.key,
        "title": figure.title,
        "views": [view.plain() for view in figure.views],
    }


def _text(path: Path) -> str:
    """A file of the folder; empty if it cannot be read."""
    try:
        return names.block(path.read_text("utf-8", "replace"))
    except OSError:
        return ""


def _environment(path: Path) -> list[tuple[str, str]]:
    """(key, value) of a JSON file, keys of what is inside joined by dots; empty if unreadable."""
    try:
        return list(_flat("", json.loads(path.read_text("utf-8", "replace"))))
    except (OSError, ValueError, RecursionError):
        return []


def _flat(key: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        items = [(str(name), inner) for name, inner in value.items()]
    elif isinstance(value, list):
        items = [(str(k + 1), inner) for k, inner in enumerate(value)]
    else:
        return [(plain(key), plain("—" if value is None else str(value)))]
    found = [pair for name, inner in items for pair in _flat(f"{key} {name}".strip(), inner)]
    return found or [(plain(key), "none")]
