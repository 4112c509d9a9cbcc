"""All figures of a results folder, each into a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from p2lbench.errors import StoreError
from p2lbench.folder import explained
from p2lbench.leaderboard import Leaderboard
from p2lbench.registry import Registry
from p2lbench.report.curves import Spent
from p2lbench.report.experiment.parts import parts
from p2lbench.report.experiment.source import source_of
from p2lbench.report.figures import convergence
from p2lbench.report.paper import (
    bestofk,
    classvectors,
    curves,
    effects,
    experiment,
    grid,
    pareto,
)
from p2lbench.report.paper.style import Width
from p2lbench.store import Store

_OVER: tuple[Spent, ...] = ("passes", "seconds")


class Drawn(NamedTuple):
    """A figure: its file, or why there is none."""

    name: str
    path: Path | None
    reason: str = ""


def draw_all(
    store: Store,
    board: Leaderboard,
    where: Path,
    form: str,
    width: Width,
    registry: Registry | None = None,
) -> Iterator[Drawn]:
    """Draw into a folder, which is made; `form`: `pdf` or `png`.

    `registry`: with the generators, for what needs them.

    Raises: StoreError: the results are damaged, or a file cannot be written.
    """
    if where.exists() and not where.is_dir():
        raise StoreError(f"-o: {where} is a file; expected a folder, new or not")
    with explained(where):
        where.mkdir(parents=True, exist_ok=True)
    makers: dict[str, Callable[[Path], str | None]] = {
        "grid": lambda path: grid.draw(path, store, board, width),
        "pareto": lambda path: pareto.draw(path, board, width),
        "best-of-k": lambda path: bestofk.draw(path, board, width),
        "effects": lambda path: effects.draw(path, board, width),
    }
    if registry is not None:
        known = registry  # a name of its own, that is not None inside of the function
        makers["class-vectors"] = lambda path: classvectors.draw(path, store, known, width)
    for name, draw in makers.items():
        path = where / f"{name}.{form}"
        with explained(where):
            reason = draw(path)
        yield Drawn(name, None, reason) if reason else Drawn(name, path)
    for over in _OVER:
        yield from _curves(store, board, where, form, width, over)
    yield from _experiment(store, board, where, form, width)


def _experiment(
    store: Store, board: Leaderboard, where: Path, form: str, width: Width
) -> Iterator[Drawn]:
    """The paper's own figure, if the suite names one."""
    source = source_of(store, board)
    for part in [] if source is None else parts(source):
        path = where / f"{part.key}.{form}"
        with explained(where):
            reason = experiment.draw(path, part, store, width)
        yield Drawn(part.key, None, reason) if reason else Drawn(part.key, path, part.title)


def _curves(
    store: Store, board: Leaderboard, where: Path, form: str, width: Width, over: Spent
) -> Iterator[Drawn]:
    """A file per generator and loss; numbered if there are several."""
    panels = [panel for panel in convergence(store, board, over) if panel.curves]
    if not panels:
        yield Drawn(f"curves-{over}", None, "no cell has a trace")
    for k, panel in enumerate(panels):
        name = f"curves-{over}-{k + 1}" if len(panels) > 1 else f"curves-{over}"
        path = where / f"{name}.{form}"
        with explained(where):
            curves.draw(path, panel, over, width)
        yield Drawn(name, path, panel.title if len(panels) > 1 else "")
