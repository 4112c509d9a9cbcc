"""`p2lbench plugins new`: a distribution to begin with."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text
from rich.tree import Tree

from p2lbench.cli.common import JSON, Kind, emit, logs_only, show
from p2lbench.errors import UserError

if TYPE_CHECKING:
    from p2lbench.scaffold import Scaffold


def new(
    name: Annotated[str, typer.Argument(help="What suites will call it, such as my-optimizer.")],
    kind: Annotated[Kind, typer.Option(help="What it plugs in.")],
    gradient_free: Annotated[
        bool, typer.Option("--gradient-free", help="An optimizer by ask and tell.")
    ] = False,
    into: Annotated[
        Path, typer.Option(metavar="DIR", help="The folder to make p2lbench-NAME in.")
    ] = Path(),
    as_json: JSON = False,
) -> None:
    """Write a plugin distribution: code that works, tests, a suite to try it."""
    from p2lbench.plugins import load
    from p2lbench.scaffold import Scaffold

    if gradient_free and kind is not Kind.optimizer:
        raise UserError(f"--gradient-free is for optimizers, got --kind {kind}")
    scaffold = Scaffold(name, "optimizer-gradient-free" if gradient_free else kind.value)
    with logs_only():
        registry = load().registry
    scaffold.check_free(registry)
    folder = scaffold.write(into)
    commands = _next(scaffold, folder)
    if as_json:
        files = sorted(str(path) for path in folder.rglob("*") if path.is_file())
        emit({"folder": str(folder), "files": files, "next": commands})
        return
    show(_tree(scaffold, folder))
    # Not wrapped, so that each can be copied.
    typer.echo("\n".join(["", "It works as it is. Next:", "", *(f"  {c}" for c in commands)]))


def _next(scaffold: Scaffold, folder: Path) -> list[str]:
    """What to type now, in this order; all of it succeeds."""
    return [
        f"cd {shlex.quote(str(folder))}",
        "pip install -e '.[test]'",
        f"p2lbench plugins check {scaffold.distribution}",
        "pytest",
        "p2lbench run try.yaml",
    ]


def _tree(scaffold: Scaffold, folder: Path) -> Tree:
    """The files that an author opens, with a word on each."""
    tree = Tree(Text(str(folder), style="bold"), guide_style="dim")
    code = tree.add(f"{scaffold.module}/")
    code.add(_file(f"{scaffold.kind}.py", f"the class {scaffold.class_name}: begin here", 1))
    code.add(_file("__init__.py", f"registers '{scaffold.name}'", 1))
    tests = tree.add("tests/")
    tests.add(_file(f"test_{scaffold.kind}.py", "the conformance kit, and tests of its own", 1))
    tree.add(_file("try.yaml", "a suite to try it, with photo.png"))
    tree.add(_file("pyproject.toml", "version, dependencies, entry point"))
    tree.add(_file("README.md", "what to tell its users"))
    return tree


def _file(name: str, purpose: str, depth: int = 0) -> Text:
    """Purposes stand below each other: a level of the tree is four columns."""
    return Text.assemble(name.ljust(26 - 4 * depth), (purpose, "dim"))
