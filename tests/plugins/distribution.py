"""What can be said of a plugin distribution without installing it."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PUBLIC = ("p2lbench.api", "p2lbench.testing")
"""What of p2lbench a plugin may import, with all that is below."""


def project(folder: Path) -> dict[str, Any]:
    """The table `project` of its pyproject.toml."""
    return tomllib.loads((folder / "pyproject.toml").read_text())["project"]


def forbidden_imports(folder: Path) -> list[str]:
    """`file:line: module` of all that it imports of p2lbench and may not."""
    found = []
    for file in sorted(folder.rglob("*.py")):
        for line, module in _imports(ast.parse(file.read_text(encoding="utf-8"))):
            if re.match(r"p2lbench(\.|$)", module) and not _public(module):
                found.append(f"{file.relative_to(folder)}:{line}: {module}")
    return found


def _public(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in PUBLIC)


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and module; `from p2lbench import api` counts as p2lbench.api."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "p2lbench":
            yield from ((node.lineno, f"p2lbench.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module


def commands(folder: Path) -> list[str]:
    """The lines of the README's shell blocks, those that go on put together."""
    readme = (folder / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", readme, flags=re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if shlex.split(line, comments=True)]
