"""A child process that answers requests one by one, as JSON, and is killed when its time is over.

Both ends: `Child` is the parent's, `ends` the child's.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from p2lbench.executors.memory import resident

LOOK_SECONDS = 0.5  # between two looks at the memory that a child takes

Document = dict[str, Any]


class Late(Exception):
    """No answer in time."""


class Gone(Exception):
    """The process ended; the message says how."""


class Child:
    """The parent's end of one child, in a process group of its own: Ctrl-C is not its business."""

    def __init__(self, module: str, memory: int = 0) -> None:
        """`module`: what the child runs, with `python -m`. `memory`: the bytes that it may take;
        0: no limit."""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        )
        self._memory = memory
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def ask(self, request: Document, seconds: float) -> Document:
        """What the child answers.

        Raises:
            Late: it does not within so many seconds.
            Gone: it ended, or took more memory than it may.
        """
        assert self._process.stdin is not None
        # A child that died in between is found by what it does not answer.
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        answer = self._next(time.monotonic() + seconds)
        if answer is None:
            raise Gone(self._cause())
        found: Document = json.loads(answer)
        return found

    def kill(self) -> None:
        """End it, whatever it does. May be called twice."""
        # The group, since a plugin may have started processes of its own.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        self._listener.join(1)
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def _next(self, deadline: float) -> str | None:
        while True:
            left = deadline - time.monotonic()
            try:
                return self._answers.get(timeout=max(0.0, min(left, self._patience)))
            except queue.Empty as empty:
                if left <= 0:
                    raise Late from empty
            if self._memory and (resident(self._process.pid) or 0) > self._memory:
                self.kill()
                raise Gone(f"it took more than {self._memory / 1e9:.2f} GB of memory")

    @property
    def _patience(self) -> float:
        return LOOK_SECONDS if self._memory else threading.TIMEOUT_MAX

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._answers.put(line)
        self._answers.put(None)

    def _cause(self) -> str:
        code = self._process.wait()
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def ends() -> tuple[Callable[[], Document], Callable[[Document], None]]:
    """In the child: the next request, and what answers it. The process ends with the requests.

    Files of their own: plugins may print, and read what they like from nothing.
    """
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(requests, lines), daemon=True).start()

    def answer(document: Document) -> None:
        answers.write(json.dumps(document) + "\n")
        answers.flush()

    return lambda: json.loads(lines.get()), answer


def _listen(requests: Any, lines: queue.Queue[str]) -> None:
    for line in requests:
        lines.put(line)
    # The parent is gone, or has heard enough. Threads that a plugin left would block an exit.
    os._exit(0)
