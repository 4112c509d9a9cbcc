"""The leaderboard as text in each of its formats: table, json, csv, markdown, latex."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

from rich.console import Console

from p2lbench.leaderboard import AXES, STATISTICS, Leaderboard, Metric, Row, Statistic, as_text
from p2lbench.reference.told import SIGN
from p2lbench.report.attained import (
    CSV_HEADS,
    attained_cells,
    attained_csv,
    attained_heads,
    attained_text,
)
from p2lbench.report.diagnostics import DIAGNOSTIC_HEADS, DIAGNOSTIC_TEXTS, shown
from p2lbench.report.effects import effect_cells, effect_heads, effect_text
from p2lbench.report.latex import as_latex
from p2lbench.report.terminal import LeaderboardView
from p2lbench.report.text import count, csv_cell, markdown

FORMATS = ("table", "json", "csv", "markdown", "latex")
_TOLD = ("scale", "better", "images", "won", "tied", "p", "p_holm", "mark", "detectable")
_STANDING = (
    *("rank_low", "rank_high", "pareto", "effect", "effect_low", "effect_high"),
    *(f"effect_{name}" for name in _TOLD),
)


def render(board: Leaderboard, form: str, width: int = 100) -> str:
    """The leaderboard as text that ends with a newline; `width` in characters, for `table`.

    Raises: ValueError for an unknown format.
    """
    if form == "table":
        return as_table(board, width)
    makers = {"json": as_json, "csv": as_csv, "markdown": as_markdown, "latex": as_latex}
    if form not in makers:
        raise ValueError(f"unknown format {form!r}; expected one of {', '.join(FORMATS)}")
    return makers[form](board)


def as_table(board: Leaderboard, width: int = 100) -> str:
    """As in a terminal without colours."""
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(LeaderboardView(board))
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def as_json(board: Leaderboard) -> str:
    """`leaderboard --json`."""
    return json.dumps(board.to_json(), indent=2, allow_nan=False) + "\n"


def as_csv(board: Leaderboard) -> str:
    """One line per row, all digits; `selected.l1` and so on; a text in front of which a
    spreadsheet would see a formula gets a '."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [metric.name for metric in board.metrics]
    kinds = (*STATISTICS, "ci_low", "ci_high", "aligned", "unmasked")
    facts = ("images", "missing", "passes", "seconds")
    header = [
        "rank",
        *AXES,
        "settings",
        "reference",
        *facts,
        *(f"{kind}.{name}" for name in names for kind in kinds),
        *(f"{kind}.{name}" for name in board.diagnostics for kind in ("mean", "selected")),
        *_STANDING,
        *(CSV_HEADS if board.shows_targets else ()),
    ]
    writer.writerow([csv_cell(text) for text in [*header, "notes"]])
    for row in board.rows:
        numbers = [value for name in names for value in _all_numbers(row, name)]
        for name in board.diagnostics:
            numbers += row.diagnostics.get(name, (None, None))
        facts_of_row = [len(row.complete), row.missing, row.passes, row.seconds]
        notes = csv_cell("; ".join((*row.notes, *board.notes)))
        labels = [csv_cell(label) for label in row.labels]
        start = [row.rank, *labels, row.settings, csv_cell(_suite_of(board, row))]
        cells = [*start, *facts_of_row, *numbers, *_standing(row)]
        cells += attained_csv(row) if board.shows_targets else []
        writer.writerow([*cells, notes])
    return out.getvalue()


def _suite_of(board: Leaderboard, row: Row) -> str:
    """The suite whose results a stored row is from."""
    return str((board.told(row) or {"suite": ""})["suite"])


def _standing(row: Row) -> list[object]:
    """What a row is to the others, in the order of _STANDING."""
    standing, against = row.standing, row.standing.against
    front = None if standing.on_front is None else str(standing.on_front).lower()
    start = [*(standing.ranks or (None, None)), front]
    if against is None:
        return [*start, *[None] * (len(_STANDING) - len(start))]
    told = against.to_json()
    return [*start, told["value"], *(told["interval"] or (None, None)), *map(told.get, _TOLD)]


def as_markdown(board: Leaderboard) -> str:
    """A table as GitHub shows it, best in bold; a line per method and statistic."""
    head = ["#", *_axes(board), "", *(_heading(m) for m in board.metrics)]
    head += ["passes", "seconds"]
    left = 2 + len(_axes(board))
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    lines = [head, rule]
    numbers = {kind: _cells(board, kind) for kind in STATISTICS}
    for k, row in enumerate(board.rows):
        labels = _labels(board, row)
        for kind in STATISTICS:
            first = kind == STATISTICS[0]
            start = [str(row.rank or ""), *labels] if first else [""] * (1 + len(labels))
            spent = _spent(row) if first else ["", ""]
            lines.append([*start, _kind(board, kind), *numbers[kind][k], *spent])
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    notes = "".join(f"- {markdown(note)}\n" for note in _notes(board))
    more = f"{_effects_markdown(board)}{_attained_markdown(board)}{_diagnostics_markdown(board)}"
    return f"{markdown(_caption(board))}\n\n{table}\n\n{more}{notes}"


def _effects_markdown(board: Leaderboard) -> str:
    """A table against the baseline."""
    if not board.shows_effects:
        return ""
    heads = [head.replace("\n", " ") for head in effect_heads(board)]
    cells = [effect_cells(board, row) for row in board.rows]
    return f"{markdown(effect_text(board))}.\n\n{_side_table(board, heads, cells)}\n\n"


def _attained_markdown(board: Leaderboard) -> str:
    """A table of passes to targets."""
    if not board.shows_targets:
        return ""
    heads = [head.replace("\n", " ") for head in attained_heads(board)]
    cells = [attained_cells(board, row) for row in board.rows]
    return f"{markdown(attained_text(board))}.\n\n{_side_table(board, heads, cells)}\n\n"


def _diagnostics_markdown(board: Leaderboard) -> str:
    """A second table, of the selected candidates."""
    if not board.shows_diagnostics:
        return ""
    names = board.diagnostics
    heads = [DIAGNOSTIC_HEADS[name].replace("\n", " ") for name in names]
    cells = [[shown(row, name) for name in names] for row in board.rows]
    told = "; ".join(DIAGNOSTIC_TEXTS[name] for name in names)
    return f"Of the selected candidates: {told}.\n\n{_side_table(board, heads, cells)}\n\n"


def _side_table(board: Leaderboard, heads: list[str], cells: list[list[str]]) -> str:
    """A table beside the main one: a line per method."""
    lines = [["#", *_axes(board), *heads]]
    lines.append(["---"] * (1 + len(_axes(board))) + ["---:"] * len(heads))
    for row, found in zip(board.rows, cells, strict=True):
        lines.append([str(row.rank or ""), *_labels(board, row), *found])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(board: Leaderboard, kind: Statistic) -> list[tuple[str, ...]]:
    """One statistic's numbers, best in bold: for each row, one per metric."""
    columns = []
    for metric in board.metrics:
        places, digits = board.places(kind, metric.name), board.digits(metric.name)
        values = [row.value(kind, metric.name) for row in board.rows]
        columns.append(
            [
                "—" if value is None else _bold(as_text(value, digits), places.get(k))
                for k, value in enumerate(values)
            ]
        )
    return list(zip(*columns, strict=True)) if columns else [()] * len(board.rows)


def _all_numbers(row: Row, name: str) -> Iterator[float | None]:
    yield from (row.value(kind, name) for kind in STATISTICS)
    yield from row.ci[name] or (None, None)
    yield from (row.aligned[name], row.unmasked[name])


def _bold(text: str, place: int | None) -> str:
    return f"**{text}**" if place == 1 else text


def _heading(metric: Metric) -> str:
    return f"{markdown(metric.label)} {'↑' if metric.higher_is_better else '↓'}"


def _kind(board: Leaderboard, kind: Statistic) -> str:
    return f"best of {board.suite.candidates}" if kind == "best" else kind


def _spent(row: Row) -> list[str]:
    """Passes, with ° on the front, and seconds."""
    front = "°" if row.standing.on_front else ""
    return [
        "—" if row.passes is None else f"{row.passes:,.0f}{front}",
        "—" if row.seconds is None else f"{row.seconds:,.1f}",
    ]


def _axes(board: Leaderboard) -> list[str]:
    """The heads of the columns of names."""
    return [*(AXES[k] for k in board.varying), *(["settings"] if board.shows_settings else [])]


def _labels(board: Leaderboard, row: Row) -> list[str]:
    """A row's names below them; the dagger, of rows that miss images, stands at the optimizer."""
    names = [markdown(row.labels[k]) for k in board.varying]
    names[-1] += "†" if row.partial else ""
    names[-1] += SIGN if board.told(row) else ""
    return [*names, *([row.settings or ""] if board.shows_settings else [])]


def _caption(board: Leaderboard) -> str:
    suite = board.suite
    images = max((row.planned for row in board.rows), default=0)
    left_out = f" ({suite.tune_images} for tuning left out)" if suite.tune_images else ""
    ranked = "" if board.ranked_on is None else f", ranked by selected on {board.ranked_on}"
    return (
        f"{suite.name}: {count(images, 'image')}{left_out}, "
        f"{count(suite.candidates, 'candidate')}, {count(suite.repeats, 'repeat')}, "
        f"protocol {suite.protocol}{ranked}"
    )


def _notes(board: Leaderboard) -> Iterator[str]:
    if board.rows:
        fixed = [k for k in range(len(AXES)) if k not in board.varying]
        yield ", ".join(f"{AXES[k]} {board.rows[0].labels[k]}" for k in fixed)
    if any(row.partial for row in board.rows):
        yield "†: not over all images"
    if any(row.standing.on_front for row in board.rows):
        yield "°: on the front: no row has less error for as few passes"
    yield from board.notes
    for row in board.rows:
        if row.notes:
            yield f"{' '.join(row.labels[k] for k in board.varying)}: {'; '.join(row.notes)}"
