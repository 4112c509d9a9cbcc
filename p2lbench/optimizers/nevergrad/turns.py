"""Taking turns with a method that calls its objective by itself, such as those of SciPy."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

STOP_SECONDS = 2.0


class _Stop(BaseException):
    """Ends the method's thread; a library's `except Exception` lets it through."""


class Turns:
    """Stands in for Nevergrad's `MessagingThread`, and hands over and back.

    There, the method goes on by itself once it was told a loss, and draws from the global random
    generators while others do. Here it only moves while it is waited for. The thread is a daemon,
    so that it cannot block the interpreter's exit.
    """

    def __init__(self, caller: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """`caller(objective, *args, **kwargs)` is run until its first call of `objective`."""
        self.error: Exception | None = None
        self.output: Any = None
        self._over, self._next = False, None
        self._asked: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._told: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(caller, args, kwargs), daemon=True)
        self._thread.start()
        self._wait()

    # What Nevergrad uses of a MessagingThread

    @property
    def messages_ask(self) -> Turns:
        """Where points come from, by `get`."""
        return self

    @property
    def messages_tell(self) -> Turns:
        """Where losses go, by `put`."""
        return self

    def is_alive(self) -> bool:
        """Whether there is something to get: a point, or how it ended."""
        return not self._over

    def get(self) -> Any:
        """The next point; None at the end, or the exception that was its end."""
        if self._next is None:
            raise RuntimeError("asked for a point before the last one was told")
        (kind, content), self._next = self._next, None
        self._over = kind == "end"
        return content

    def put(self, loss: Any) -> None:
        """Tell a loss, and wait for the next point."""
        self._told.put(loss)
        self._wait()

    def stop(self) -> None:
        """End the thread where it waits."""
        self._told.put(_Stop)

    def join(self) -> None:
        """Wait until it has ended."""
        self._thread.join(STOP_SECONDS)

    # The thread's side

    def _wait(self) -> None:
        self._next = self._asked.get()

    def _run(self, caller: Callable[..., Any], args: Any, kwargs: Any) -> None:
        end: Exception | None = None
        try:
            self.output = caller(self._objective, *args, **kwargs)
        except _Stop:
            pass
        except Exception as error:
            end = self.error = error
        except BaseException as error:  # sys.exit() would else be silent
            end = self.error = RuntimeError(f"{type(error).__name__}: {error}")
        self._asked.put(("end", end))

    def _objective(self, point: Any, *_: Any) -> Any:
        self._asked.put(("point", point))
        loss = self._told.get()
        if loss is _Stop:
            self._told.put(_Stop)  # for a library that catches everything and calls again
            raise _Stop
        return loss
