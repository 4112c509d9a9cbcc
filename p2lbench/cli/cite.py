"""`p2lbench cite`: BibTeX for what a table is made of."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from p2lbench.cli.common import PLUGIN, logs_only
from p2lbench.errors import StoreError, UserError


def cite(
    what: Annotated[str, typer.Argument(metavar="FOLDER|SUITE", help="Results, or a suite.")],
    plugin: PLUGIN = None,
) -> None:
    """Print BibTeX for the methods, generators, metrics and so on that a table uses."""
    from p2lbench.citations import bibtex

    with logs_only():
        found = _of_folder(Path(what)) if Path(what).is_dir() else _of_suite(what, plugin or [])
    sys.stdout.write(bibtex(found))


def _of_folder(folder: Path) -> dict[str, tuple[str, ...]]:
    """What the run kept; no plugin is loaded. Raises: StoreError if it kept nothing."""
    from p2lbench.store import Store
    from p2lbench.suiteinfo import SuiteInfo

    with Store.open_read(folder) as store:
        header = store.header()
    if "cites" not in header:
        message = "the run did not keep what to cite. Name its suite instead: p2lbench cite SUITE"
        raise StoreError(f"{folder}: {message}")
    return dict(SuiteInfo.read(header).cites)


def _of_suite(suite: str, plugin_files: list[Path]) -> dict[str, tuple[str, ...]]:
    """What its plugins state. Raises: UserError."""
    from p2lbench.citations import cited
    from p2lbench.plan import methods
    from p2lbench.suite import load

    if len(Path(suite).parts) > 1 and not Path(suite).exists():
        raise UserError(f"{suite}: there is no such folder or file. Expected results, or a suite")
    checked, plugins = load(suite, plugin_files)
    return dict(cited(methods(checked), checked.metrics, plugins.registry))
