"""How a run is going, on stderr: a live display in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from p2lbench.plan import Cell
from p2lbench.record import Record
from p2lbench.report.text import encodable, shorten

EVERY = 10.0  # seconds between lines where there is no terminal
FEW = 24  # so few cells get a line each
_RUNNING = 4  # running cells shown
_STYLES = {"ok": "green", "skipped": "dim", "failed": "red", "timeout": "red", "diverged": "yellow"}


@dataclass
class _Running:
    name: str
    passes: int = 0
    best: float | None = None


class RunProgress:
    """A context manager around a run of `total` cells; its methods may be called from any thread.

    It writes to stderr alone, and never lets a closed stderr stop a run.
    """

    def __init__(
        self,
        total: int,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total = total
        self.counts: Counter[str] = Counter()
        self.cached = 0
        self._console = console or Console(stderr=True)
        self._clock, self._began = clock, clock()
        self._printed = self._began
        self._running: dict[str, _Running] = {}
        self._last = Text("")
        self._mutex = threading.RLock()
        self._live: Live | None = None
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(
                console=self._console,
                get_renderable=self._render,
                refresh_per_second=5,
                transient=True,
                redirect_stdout=False,  # stdout is for results alone
            )

    def __enter__(self) -> RunProgress:
        self._began = self._printed = self._clock()
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
        self._say(f"{self._summary()} in {_duration(self._clock() - self._began)}")

    def cell_started(self, cell: Cell) -> None:
        """A worker has begun with it."""
        with self._mutex:
            name = f"{cell.method.row[4]} · {cell.image.name}"
            if cell.repeat:
                name += f" · repeat {cell.repeat}"
            self._running[cell.id] = _Running(shorten(name, 60))

    def cell_progress(self, cell: Cell, passes: int, best: float | None) -> None:
        """So many passes spent, this the best objective so far."""
        with self._mutex:
            running = self._running.get(cell.id)
            if running is None:
                return
            running.passes = passes
            running.best = best if best is not None and math.isfinite(best) else None
            if self._due():
                self._say(f"{self._summary()}; {_state(running)}{self._left()}")

    def cell_done(self, record: Record, cached: bool = False) -> None:
        """It has its record, or had it before this run."""
        with self._mutex:
            self.counts[record.status] += 1
            running = self._running.pop(record.cell, None)
            self.cached += cached
            if cached:
                return
            self._last = _outcome(record, running.name if running else record.cell[:12])
            if self.total <= FEW or self._due() or self._is_early_failure(record):
                self._say(f"{self._summary()}; {self._last.plain}{self._left()}")

    def warn(self, message: str) -> None:
        """Something the user should know, though the run goes on."""
        with self._mutex:
            if self._live is not None and self._live.is_started:
                self._console.print(Text(message))
            self._say(message)

    @property
    def done(self) -> int:
        """Cells that have a record."""
        return self.counts.total()

    def _is_early_failure(self, record: Record) -> bool:
        bad = self.done - self.counts["ok"] - self.counts["skipped"]
        return record.status not in ("ok", "skipped") and bad <= FEW

    def _due(self) -> bool:
        return self._clock() - self._printed >= EVERY

    def _say(self, line: str) -> None:
        """A plain line, where there is no live display (or when it has ended)."""
        if self._live is not None and self._live.is_started:
            return
        self._printed = self._clock()
        file = self._console.file
        line = encodable(line, getattr(file, "encoding", None) or "utf-8")
        with contextlib.suppress(OSError, ValueError):
            file.write(line + "\n")
            file.flush()

    def _summary(self) -> str:
        others = [f"{n} {status}" for status, n in sorted(self.counts.items()) if status != "ok"]
        cached = [f"{self.cached} from before"] if self.cached else []
        return ", ".join([f"{self.done}/{self.total} cells", *others, *cached])

    def _left(self) -> str:
        """From the cells that were run now; those from before took no time."""
        run = self.done - self.cached
        if run == 0 or self.done >= self.total:
            return ""
        per_cell = (self._clock() - self._began) / run
        return f"; about {_duration(per_cell * (self.total - self.done))} left"

    def _render(self) -> RenderableType:
        with self._mutex:
            return Group(self._bar(), *self._lines())

    def _bar(self) -> Table:
        bar = Table.grid(padding=(0, 1))
        elapsed = _duration(self._clock() - self._began)
        progress = ProgressBar(total=max(self.total, 1), completed=self.done, width=20)
        text = f"{self._summary()}, {elapsed}{self._left()}"
        bar.add_row(progress, Text(text, no_wrap=True, overflow="ellipsis"))
        return bar

    def _lines(self) -> Iterator[RenderableType]:
        running = list(self._running.values())
        for cell in running[:_RUNNING]:
            yield Padding(
                Text(_state(cell), "cyan", no_wrap=True, overflow="ellipsis"), (0, 0, 0, 2)
            )
        if len(running) > _RUNNING:
            yield Padding(Text(f"and {len(running) - _RUNNING} more", "dim"), (0, 0, 0, 2))
        if self._last:
            yield Padding(Text.assemble(("last: ", "dim"), self._last), (0, 0, 0, 2))


def _state(cell: _Running) -> str:
    best = "" if cell.best is None else f", best {cell.best:.4g}"
    return f"{cell.name}: {cell.passes:,} passes{best}" if cell.passes else f"{cell.name}: starting"


def _outcome(record: Record, name: str) -> Text:
    style = _STYLES.get(record.status, "")
    chosen = record.selected
    if record.status == "ok" and chosen is not None:
        return Text.assemble(
            f"{name}: ", ("ok", style), f", objective {record.objective[chosen]:.4g}"
        )
    reason = f": {shorten(record.reason, 160)}" if record.reason else ""
    return Text.assemble(f"{name}: ", (record.status, style), reason)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
