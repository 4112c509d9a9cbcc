"""A results folder's figures: the image grid and the convergence curves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from p2lbench.folder import explained
from p2lbench.leaderboard import Leaderboard, Row, as_text
from p2lbench.record import Record, Trace
from p2lbench.report import curves, grid
from p2lbench.report.text import count
from p2lbench.store import Store
from p2lbench.storedimage import StoredImage

_Labels = tuple[str, str, str, str, str]


def draw_grid(
    path: Path, store: Store, board: Leaderboard, images: Sequence[str] | None = None
) -> Path:
    """Target, then what each method selected (first repeat), best-ranked methods first.

    Args:
        images: names of those to show; default: all, as far as there is room.

    Raises:
        StoreError.
    """
    rows = shown_rows(board)
    names = list(store.images() if images is None else images)
    lines = grid_lines(store, board, rows, names)
    labels = [row_label(board, row) for row in rows]
    with explained(path.parent):
        return grid.draw(path, *_grid_titles(board), labels, lines, len(names))


def shown_rows(board: Leaderboard) -> list[Row]:
    """The rows that have something to show; all, if none has."""
    return [row for row in board.rows if row.complete] or list(board.rows)


def grid_lines(
    store: Store, board: Leaderboard, rows: Sequence[Row], names: Sequence[str]
) -> Iterator[grid.Line]:
    """A line per image, with a tile per row; those beyond what a grid shows have no pictures."""
    targets = store.images()
    found = _first_repeat(
        store, {row.labels for row in rows[: grid.MAX_METHODS]}, {*names[: grid.MAX_LINES]}
    )
    for name in names:
        yield _line(store, board, targets[name], [found.get((row.labels, name)) for row in rows])


def _line(
    store: Store, board: Leaderboard, target: StoredImage, records: Sequence[Record | None]
) -> grid.Line:
    note = "" if target.class_name is None else str(target.class_name)
    return grid.Line(target.name, note, target.pixels, _line_tiles(store, board, records))


def draw_curves(path: Path, store: Store, board: Leaderboard) -> Path:
    """The panels of `convergence` below each other, as PNG or PDF by the suffix.

    Raises: StoreError.
    """
    drawn = convergence(store, board)
    title = f"{board.suite.name}: convergence"
    with explained(path.parent):
        return curves.draw(path, title, board.suite.candidates, drawn)


def convergence(
    store: Store, board: Leaderboard, over: curves.Spent = "passes"
) -> list[curves.Panel]:
    """A panel per generator and loss: objectives of different losses do not compare.

    Over the images that a row's numbers are over; rows are called as in `row_label`, without
    generator and loss. Raises: StoreError.
    """
    complete = {row.labels: row.complete for row in board.rows if row.complete}
    traces: dict[_Labels, dict[str, list[Trace]]] = {}
    for planned, record in store.records(traces=True):
        if record is not None and planned.image in complete.get(planned.row, ()):
            images = traces.setdefault(planned.row, {})
            images.setdefault(planned.image, []).append(record.trace)
    panels: dict[str, dict[str, curves.Traces]] = {}
    for row in board.rows:
        if row.labels in traces:
            title = f"generator {row.labels[0]} · objective {row.labels[1]}"
            panels.setdefault(title, {})[_curve_label(board, row)] = traces[row.labels]
    return [curves.panel(title, methods, over) for title, methods in panels.items()]


def _first_repeat(
    store: Store, labels: set[_Labels], images: set[str]
) -> dict[tuple[_Labels, str], Record]:
    found: dict[tuple[_Labels, str], Record] = {}
    for planned, record in store.records():
        if record is not None and planned.row in labels and planned.image in images:
            found.setdefault((planned.row, planned.image), record)
    return found


def _line_tiles(
    store: Store, board: Leaderboard, records: Sequence[Record | None]
) -> list[grid.Tile]:
    """A tile per method; the best value of the line is strong."""
    values = [None if record is None else _score(board, record) for record in records]
    texts = [None if value is None else as_text(value, _digits(board)) for value in values]
    known = [float(text) for text in texts if text is not None]
    best = (max(known) if _higher(board) else min(known)) if known else None
    return [
        _tile(store, record, text, text is not None and float(text) == best)
        for record, text in zip(records, texts, strict=True)
    ]


def _tile(store: Store, record: Record | None, text: str | None, strong: bool) -> grid.Tile:
    if record is None:
        return grid.Tile(None, "not run yet")
    if record.status != "ok" or record.selected is None:
        return grid.Tile(None, record.status)
    strip = store.file("images", record.cell)
    pixels = grid.candidate(strip, len(record.objective), record.selected)
    return grid.Tile(pixels, "no image" if pixels is None else text or "—", strong)


def _score(board: Leaderboard, record: Record) -> float | None:
    """The selected candidate's value of the metric that ranks; else its objective."""
    if record.status != "ok" or record.selected is None:
        return None
    if board.ranked_on is None:
        return record.objective[record.selected]
    values = record.metrics.get("original", {}).get(board.ranked_on, ())
    return values[record.selected] if record.selected < len(values) else None


def _digits(board: Leaderboard) -> int:
    return 3 if board.ranked_on is None else board.digits(board.ranked_on)


def _higher(board: Leaderboard) -> bool:
    return board.ranked_on is not None and board.metric(board.ranked_on).higher_is_better


def _grid_titles(board: Leaderboard) -> tuple[str, str]:
    name = "the objective" if board.ranked_on is None else board.metric(board.ranked_on).label
    better = "higher" if _higher(board) else "lower"
    of = count(board.suite.candidates, "candidate")
    return (
        f"{board.suite.name}: what each method selected",
        f"Of {of}, the one with the lowest objective. Below it: {name}, {better} is better; "
        "bold: best of the line.",
    )


def row_label(board: Leaderboard, row: Row) -> str:
    """The axes that vary, the optimizer first."""
    return " · ".join(row.labels[k] for k in reversed(board.varying))


def _curve_label(board: Leaderboard, row: Row) -> str:
    """The axes that vary within a panel, and how many images if not all."""
    text = " · ".join(row.labels[k] for k in reversed(board.varying) if k > 1)
    return f"{text} ({len(row.complete)} of {row.planned} images)" if row.partial else text
