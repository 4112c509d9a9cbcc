"""The leaderboard in a terminal of any width."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.text import Text

from p2lbench.leaderboard import AXES, STATISTICS, Leaderboard, Metric, Row, as_text
from p2lbench.reference.told import SIGN
from p2lbench.report.attained import attained_cells, attained_heads, attained_text
from p2lbench.report.columns import Column, packed, table
from p2lbench.report.diagnostics import DIAGNOSTIC_HEADS, DIAGNOSTIC_TEXTS, shown
from p2lbench.report.effects import effect_cells, effect_heads, effect_text
from p2lbench.report.text import count, encodable, folded, plain, shorten

_NAME_WIDTH = 26
_HEADER_WIDTH = 10
_NOTES = 12  # lines of notes before the rest is counted


class LeaderboardView:
    """A rich renderable: print it on a Console.

    A method takes three lines: mean, selected, best of N. Metrics that do not fit the width go
    into further tables below. Where there are no colours, the best have a * instead of bold.
    """

    def __init__(self, board: Leaderboard) -> None:
        self.board = board

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        paint = _Paint(self.board, stars=console.color_system is None, encoding=options.encoding)
        yield from paint.title()
        yield Text()
        for columns in packed(paint.names(), paint.numbers(), options.max_width):
            yield table(columns)
            yield Text()
        more = [paint.effects()] if self.board.shows_effects else []
        more += [paint.attained()] if self.board.shows_targets else []
        more += [paint.diagnostics()] if self.board.shows_diagnostics else []
        for numbers in more:
            for columns in packed(paint.names()[:2], numbers, options.max_width):
                yield table(columns)
                yield Text()
        yield from (Padding(line, (0, 0, 0, 1)) for line in paint.footer())


class _Paint:
    """Turns a leaderboard into columns of styled text."""

    def __init__(self, board: Leaderboard, stars: bool, encoding: str) -> None:
        self.board, self.stars, self.encoding = board, stars, encoding

    def title(self) -> Iterator[Text]:
        suite, rows = self.board.suite, self.board.rows
        facts = [
            count(max((row.planned for row in rows), default=0), "image"),
            *([f"{suite.tune_images} for tuning left out"] if suite.tune_images else []),
            count(suite.candidates, "candidate"),
            count(suite.repeats, "repeat"),
            f"protocol {suite.protocol}",
            *(f"{value:,g} {unit} per cell" for unit, value in suite.budget.items()),
        ]
        yield Text.assemble(self._text(suite.name, "bold"), self._say(f" · {' · '.join(facts)}"))
        if rows:
            fixed = [k for k in range(len(AXES)) if k not in self.board.varying]
            yield self._text(" · ".join(f"{AXES[k]} {rows[0].labels[k]}" for k in fixed), "dim")

    def names(self) -> list[Column]:
        rows = self.board.rows
        kinds = "\n".join(self._kind(kind) for kind in STATISTICS)
        ranks = tuple(self._text("" if row.rank is None else str(row.rank)) for row in rows)
        return [
            Column(Text("#"), ranks),
            Column(Text("method"), tuple(self._name(row) for row in rows), left=True),
            Column(Text(), tuple(Text(kinds, "dim") for _ in rows), left=True),
        ]

    def numbers(self) -> list[Column]:
        rows = self.board.rows
        return [
            *(self._metric(m) for m in self.board.metrics if self._has_values(m)),
            Column(Text("passes"), tuple(self._passes(row) for row in rows)),
            Column(Text("seconds"), tuple(self._spent(row.seconds, ",.1f") for row in rows)),
        ]

    def diagnostics(self) -> list[Column]:
        """Of the selected candidates."""
        columns = []
        for name in self.board.diagnostics:
            cells = (self._text(shown(row, name)) for row in self.board.rows)
            columns.append(Column(Text(DIAGNOSTIC_HEADS[name], "bold"), tuple(cells)))
        return columns

    def effects(self) -> list[Column]:
        """Against the baseline."""
        rows = [effect_cells(self.board, row) for row in self.board.rows]
        return [
            Column(Text(head, "bold"), tuple(self._effect(text) for text in cells))
            for head, *cells in zip(effect_heads(self.board), *rows, strict=True)
        ]

    def attained(self) -> list[Column]:
        """Passes to targets."""
        rows = [attained_cells(self.board, row) for row in self.board.rows]
        return [
            Column(Text(head, "bold"), tuple(self._effect(text) for text in cells))
            for head, *cells in zip(attained_heads(self.board), *rows, strict=True)
        ]

    def _effect(self, text: str) -> Text:
        styles = {"better": "bold green", "worse": "bold", "baseline": "dim", "—": "dim"}
        return self._text(text, styles.get(text, ""))

    def footer(self) -> Iterator[Text]:
        board = self.board
        if board.ranked_on is not None:
            held = "which no method optimised" if board.held_out else "which methods optimised"
            label = board.metric(board.ranked_on).label
            yield self._text(f"Ranked by selected, on {label}, {held}.")
        number = board.suite.candidates
        best = "*" if self.stars else "bold"
        yield self._text(
            f"mean: over the {number} candidates. selected: the one with the lowest objective. "
            f"best of {number}: each metric's best candidate by itself, an oracle. "
            f"{best}: best in its column. passes, seconds: per cell. "
            "front: no row has less error for as few passes.",
            "dim",
        )
        if board.shows_effects:
            yield self._text(f"{effect_text(board)}.", "dim")
        if board.shows_targets:
            yield self._text(f"{attained_text(board)}.", "dim")
        if board.shows_diagnostics:
            told = "; ".join(DIAGNOSTIC_TEXTS[name] for name in board.diagnostics)
            yield self._text(f"Of the selected candidates alone: {told}.", "dim")
        if board.optimised:
            labels = [m.label for m in board.metrics if m.name in board.optimised]
            yield self._text(f"Optimised, directly or in effect: {', '.join(labels)}.", "dim")
        rows = [f"{self._label(row)}: {'; '.join(row.notes)}" for row in board.rows if row.notes]
        notes = [*board.notes, *rows]
        for note in notes[:_NOTES]:
            yield self._text(f"• {shorten(note, 300)}", "yellow")
        if len(notes) > _NOTES:
            yield self._text(f"• and {len(notes) - _NOTES} more notes: --format json", "yellow")

    def _has_values(self, metric: Metric) -> bool:
        """The notes say why a metric has none."""
        return any(row.value("selected", metric.name) is not None for row in self.board.rows)

    def _metric(self, metric: Metric) -> Column:
        digits = self.board.digits(metric.name)
        places = {kind: self.board.places(kind, metric.name) for kind in STATISTICS}
        cells = []
        for k, row in enumerate(self.board.rows):
            values = {kind: row.value(kind, metric.name) for kind in STATISTICS}
            lines = [self._number(v, digits, places[kind].get(k)) for kind, v in values.items()]
            cells.append(Text("\n").join(lines))
        style = "bold cyan" if metric.name == self.board.ranked_on else "bold"
        return Column(Text(self._header(metric), style), tuple(cells))

    def _number(self, value: float | None, digits: int, place: int | None) -> Text:
        star = "" if not self.stars else "*" if place == 1 else " "
        text = "—" if value is None else as_text(value, digits)
        style = "bold green" if place == 1 else "dim" if value is None else ""
        return self._text(text, style).append(star)

    def _spent(self, value: float | None, form: str) -> Text:
        return self._text("—" if value is None else format(value, form))

    def _passes(self, row: Row) -> Text:
        mark = "\nfront" if row.standing.on_front else ""
        return self._spent(row.passes, ",.0f").append(mark, "dim")

    def _header(self, metric: Metric) -> str:
        arrow = "↑" if metric.higher_is_better else "↓"
        lines = folded(metric.label, lambda part: cell_len(part) <= _HEADER_WIDTH - 2) or [""]
        return self._say("\n".join(lines) + f" {arrow}")

    def _name(self, row: Row) -> Text:
        """The optimizer, below it the other axes that vary, below that what is missing."""
        sign = f" {SIGN}" if self.board.told(row) else ""
        lines = [self._folded(row.labels[4] + sign, "bold")]
        if self.board.shows_settings and row.settings is not None:
            lines.append(self._text(row.settings, "dim"))
        lines += [self._folded(row.labels[k], "dim") for k in self.board.varying if k != 4]
        if row.partial:
            lines.append(self._text(f"{len(row.complete)} of {row.planned} images", "yellow"))
        return Text("\n").join(lines)

    def _folded(self, name: str, style: str) -> Text:
        lines = folded(name, lambda part: cell_len(part) <= _NAME_WIDTH)
        return Text(self._say("\n".join(lines)), style)

    def _label(self, row: Row) -> str:
        return " · ".join(row.labels[k] for k in reversed(self.board.varying))

    def _kind(self, kind: str) -> str:
        return f"best of {self.board.suite.candidates}" if kind == "best" else kind

    def _text(self, text: str, style: str = "") -> Text:
        return Text(self._say(plain(text)), style)

    def _say(self, text: str) -> str:
        return encodable(text, self.encoding)
