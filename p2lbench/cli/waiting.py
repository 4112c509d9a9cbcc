"""What a command does while it lasts, told on stderr."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.text import Text

from p2lbench.cli.common import log

_PATIENCE = 2.0  # seconds before, and between, words about the progress


@contextmanager
def waiting(text: str = "") -> Iterator[Callable[[str], None]]:
    """Tells on stderr what is done, once it takes longer than a moment; `text`: at first."""
    shown = _Shown(text)
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

    def __init__(self, text: str) -> None:
        self._console = log()
        self._status = self._console.status("")
        self._text, self._spoken = text, 0.0
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
