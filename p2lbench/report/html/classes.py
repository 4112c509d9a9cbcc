"""The ranked metric by class of image."""

from __future__ import annotations

from p2lbench.leaderboard import Leaderboard, as_text
from p2lbench.report.html import names
from p2lbench.report.html.figure import Table
from p2lbench.report.text import count, plain


def by_class(board: Leaderboard) -> Table | None:
    """Of the selected candidates; None where no class has two images: then images say it all."""
    if board.ranked_on is None:
        return None
    sizes: dict[str, int] = {}
    for row in board.rows:
        for name, found in row.classes.items():
            sizes[name] = max(found.images, sizes.get(name, 0))
    if len(sizes) < 2 or max(sizes.values()) < 2:
        return None
    digits = board.digits(board.ranked_on)
    rows = []
    for row in board.rows:
        cells = []
        for name in sizes:
            value = row.classes[name].selected[board.ranked_on] if name in row.classes else None
            cells.append("—" if value is None else as_text(value, digits))
        dagger = "†" if row.partial else ""
        rows.append([f"{names.method(board, row)}{dagger}", *cells])
    heads = [f"{plain(name)} ({count(size, 'image')})" for name, size in sizes.items()]
    label = plain(board.metric(board.ranked_on).label)
    return Table(
        f"{label} of the selected candidates, mean over the images of a class",
        ["method", *heads],
        rows,
    )
