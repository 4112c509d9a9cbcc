"""`p2lbench rescore`: metrics that are added to a results folder later."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from p2lbench.cli.common import FOLDER, JSON, PLUGIN, emit, log, logs_only, out, show
from p2lbench.cli.executors import DEVICE, WORKERS
from p2lbench.cli.rescoring import SCORER, Scorer, scorer
from p2lbench.cli.run import draw

if TYPE_CHECKING:
    from p2lbench.laterscores import Added
    from p2lbench.plugins import Plugins
    from p2lbench.spec import Named


def rescore(
    folder: FOLDER,
    metric: Annotated[
        list[str],
        typer.Option(
            "--metric",
            metavar="NAME",
            help="A metric's name, or '{name: {option: value}}'; may be repeated.",
        ),
    ],
    plugin: PLUGIN = None,
    executor: SCORER = Scorer.processes,
    workers: WORKERS = None,
    device: DEVICE = "auto",
    as_json: JSON = False,
) -> None:
    """Add metrics to a results folder, computed from its points; nothing is searched again."""
    from p2lbench.plugins import load

    with logs_only():
        plugins = load(plugin or [])
        asked = [_metric(written, plugins) for written in metric]
        added = _added(folder, asked, plugins, plugin or [], executor, workers, device)
        draw(folder.absolute(), as_json)
    if as_json:
        emit({"results": str(folder), **vars(added)})
    else:
        _show(folder, added)
    raise typer.Exit(1 if added.without else 0)


def _metric(written: str, plugins: Plugins) -> Named:
    from p2lbench.axes import Axes
    from p2lbench.yamlfile import parse

    document = parse(written, "--metric")
    return Axes(plugins.registry).metric(document.data, document.place)


def _added(
    folder: Path,
    asked: list[Named],
    plugins: Plugins,
    files: list[Path],
    executor: Scorer,
    workers: int | None,
    device: str,
) -> Added:
    from p2lbench.laterscores import prepare, rescore
    from p2lbench.report.progress import RunProgress
    from p2lbench.store import Store

    # Read first: what cannot be done leaves the folder as it is.
    with Store.open_read(folder) as store:
        name = str(store.header().get("name"))
        prepare(store, plugins.registry, asked)
    with Store.create_or_open(folder, name, warn=lambda text: log().print(Text(text))) as store:
        job = prepare(store, plugins.registry, asked)
        chosen, where = scorer(store, executor, workers, device, files, len(job.rows))
        with RunProgress(len(job.rows), console=log()) as progress:
            return rescore(store, plugins.registry, chosen, progress, where, job)


def _show(folder: Path, added: Added) -> None:
    from p2lbench.report.text import count

    for reason, cells in added.without.items():
        show(Text(f"no value in {count(cells, 'cell')}: {reason}", "yellow"))
    names = ", ".join(added.metrics)
    show(Text(f"{names}: {count(added.cells, 'cell')} scored"))
    command = shlex.join(["p2lbench", "leaderboard", str(folder)])
    out().print(Text(command), soft_wrap=True)
