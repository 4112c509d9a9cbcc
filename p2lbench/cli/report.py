"""`p2lbench report`: a results folder as one HTML file."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from p2lbench.cli.common import JSON, emit, log, out

_PATIENCE = 2.0  # seconds before, and between, words about the progress


def report(
    folder: Annotated[Path, typer.Argument(help="A suite's results folder.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Default: report.html in the folder."),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Write a results folder's report: one HTML file that needs nothing else."""
    from p2lbench.report.html import page, writing
    from p2lbench.store import Store

    target = folder / "report.html" if output is None else output
    with Store.open_read(folder) as store, _progress() as say:
        writing.check(target)
        text = page.render(store, say)
        writing.write(target, text)
    size = target.stat().st_size
    if as_json:
        emit({"report": str(target), "bytes": size})
        return
    out().print(Text(f"{target} ({size / 1e6:.1f} MB)"), soft_wrap=True)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Tells on stderr what is done, once it takes longer than a moment."""
    shown = _Shown()
    # Some steps say nothing while they last: a timer tells of them.
    timer = threading.Timer(_PATIENCE, shown.begin)
    timer.daemon = True
    timer.start()
    try:
        yield shown.say
    finally:
        timer.cancel()
        shown.end()


class _Shown:
    """What is done now: live in a terminal, elsewhere a line now and then. For any thread."""

    def __init__(self) -> None:
        self._console = log()
        self._status = self._console.status("")
        self._text, self._spoken = "", 0.0
        self._begun = self._over = False
        self._mutex = threading.Lock()

    def say(self, text: str) -> None:
        with self._mutex:
            self._text = text
            if self._begun and (
                self._console.is_terminal or time.monotonic() - self._spoken >= _PATIENCE
            ):
                self._show()

    def begin(self) -> None:
        with self._mutex:
            if not self._over:  # it fired as the work ended
                self._begun = True
                self._show()

    def end(self) -> None:
        with self._mutex:
            self._over, self._begun = True, False
            self._status.stop()

    def _show(self) -> None:
        self._spoken = time.monotonic()
        if self._console.is_terminal:
            self._status.update(Text(f"{self._text} …"))
            self._status.start()
        elif self._text:
            self._console.print(Text(self._text))
