"""The worker process's side: one task after another until its parent says stop, or is gone."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2lbench.plan import Task

if TYPE_CHECKING:
    from p2lbench.executors.agreement import Identity
    from p2lbench.models import Models

Answer = Callable[[Task, "Identity | None"], None]

THREAD_SECONDS = 0.5  # for threads of a cell that ended to end as well


def packed(task: Task, identity: Identity | None = None) -> bytes:
    """A task as `main` takes it.

    Args:
        identity: what the task is to be run with; a child that has something else refuses it.
            None: it is not compared.
    """
    return pickle.dumps((task, identity), protocol=pickle.HIGHEST_PROTOCOL)


def main(
    pipe: Connection[Any, Any], device: str, plugin_files: Sequence[Path], parent: int
) -> None:
    """Answer each task with `("started",)`, `("progress", passes, best)` and either `("done",
    whether it left threads behind)` and then the pickled record, or `("refused", why)`."""
    # Ctrl-C is the parent's business, and standard output the user's: plugins may only log.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(2, 1)
    threading.Thread(target=_exit_with, args=(parent,), daemon=True).start()
    from p2lbench.executors.memory import keep_freed

    keep_freed()
    answer = _answering(pipe, device, plugin_files)
    while (received := _next(pipe)) is not None:
        answer(*received)
    sys.stderr.flush()
    # Without clean-up: threads that a plugin left behind would block a normal exit.
    os._exit(0)


def _answering(pipe: Connection[Any, Any], device: str, plugin_files: Sequence[Path]) -> Answer:
    """What to do with a task here."""
    from p2lbench.errors import UserError
    from p2lbench.executors.agreement import Agreement
    from p2lbench.models import Models
    from p2lbench.plugins import load

    try:
        registry = load(plugin_files).registry
    except UserError as error:  # a plugin's file, which did load where the suite was planned
        why = str(error)
        return lambda task, identity: pipe.send(("refused", why))
    models, agreement = Models(registry, device), Agreement(registry)

    def answer(task: Task, identity: Identity | None) -> None:
        if identity is not None and (why := agreement.difference(identity, task)):
            pipe.send(("refused", why))
        else:
            _run(pipe, models, task)

    return answer


def _run(pipe: Connection[Any, Any], models: Models, task: Task) -> None:
    from p2lbench.project import run_cell

    before = set(threading.enumerate())
    record = run_cell(
        task,
        models,
        progress=lambda passes, best: pipe.send(("progress", passes, best)),
        started=lambda: pipe.send(("started",)),
    )
    pipe.send(("done", _left_behind(before)))
    pipe.send(record)


def _left_behind(before: set[threading.Thread]) -> bool:
    """Whether a cell leaves threads, which could do anything to the cells that follow."""
    new = set(threading.enumerate()) - before
    for thread in new:
        thread.join(THREAD_SECONDS / len(new))
    return any(thread.is_alive() for thread in new)


def _next(pipe: Connection[Any, Any]) -> tuple[Task, Identity | None] | None:
    try:
        return pipe.recv()  # type: ignore[no-any-return]
    except (EOFError, OSError):
        return None


def _exit_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
