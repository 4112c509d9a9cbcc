"""What `verify` and `rescore` share: who scores stored points, and on what."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from p2lbench.cli.common import cores
from p2lbench.cli.executors import chosen_device

if TYPE_CHECKING:
    from p2lbench.executors.base import Executor
    from p2lbench.store import Store


class Scorer(StrEnum):
    """Where points are scored."""

    inline = "inline"
    processes = "processes"


SCORER = Annotated[Scorer, typer.Option("--executor", help="In worker processes, or in this one.")]


def scorer(
    store: Store,
    name: Scorer,
    workers: int | None,
    device: str,
    plugins: Sequence[Path],
    cells: int,
) -> tuple[Executor, str]:
    """The executor for so many cells, and the device that it computes on."""
    from p2lbench.executors import Inline, Processes

    where = chosen_device(_recorded(store) if device == "auto" else device)
    if name is Scorer.inline:
        return Inline(where, plugins), where
    return Processes(where, min(workers or cores(), max(1, cells)), plugins), where


def _recorded(store: Store) -> str:
    """The kind of device that a folder's cells ran on, if it is here; else what is here."""
    import torch

    from p2lbench.errors import StoreError
    from p2lbench.identity import decided_by

    for row in store.plan():
        try:
            kind = decided_by(store, row.cell)[1]["device"]
        except (StoreError, KeyError, TypeError, AttributeError):
            continue
        return "cuda" if kind == "cuda" and torch.cuda.is_available() else "cpu"
    return "auto"
