"""The learning of directions, told on stderr: a bar in a terminal, lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from p2lbench.cli.common import log
from p2lbench.cli.waiting import waiting

if TYPE_CHECKING:
    from rich.progress import TaskID

    from p2lbench.directions.named import Say


@contextmanager
def learning() -> Iterator[Say]:
    """Whom to tell: name, steps done, steps in all."""
    if not log().is_terminal:
        with waiting("finding directions") as say:
            yield lambda name, done, total: say(f"learning {name}: step {done} of {total}")
        return
    from rich.progress import Progress

    bars: dict[str, TaskID] = {}
    with Progress(console=log(), transient=True) as progress:

        def tell(name: str, done: int, total: int) -> None:
            if name not in bars:
                bars[name] = progress.add_task(f"learning {name}", total=total)
            progress.update(bars[name], completed=done)

        yield tell
