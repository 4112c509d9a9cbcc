"""What `torch.optim` offers, read from the installed torch's source.

Importing torch takes seconds, and a suite is checked without it; a table of our own would not be
the installed version's.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from p2lbench.errors import did_you_mean

REFUSED = {
    "LBFGS": "its line search would couple the candidates: use lbfgs",
    "SparseAdam": "it takes sparse gradients, which a generator has not: use adam",
}
# Ours, the direction that is not ours, and how torch computes.
WITHHELD = ("params", "lr", "maximize", "foreach", "capturable", "differentiable", "fused")
ANYTHING = object()


def check(name: str, options: Mapping[str, Any]) -> None:
    """Whether torch has such an optimizer with such options.

    Raises:
        ValueError: it has not, it is refused, or an option's value is of the wrong kind.
    """
    if name in REFUSED:
        raise ValueError(f"torch.optim.{name} is not offered: {REFUSED[name]}")
    known = sorted(set(modules()) - set(REFUSED))
    if name not in known:
        hint = did_you_mean(name, known)
        raise ValueError(f"torch has no optimizer '{name}'.{hint} It has: {', '.join(known)}")
    defaults = parameters(name)
    for option, value in options.items():
        if option not in defaults:
            hint = did_you_mean(option, defaults)
            listed = ", ".join(defaults)
            raise ValueError(f"options: {name} has no option '{option}'.{hint} It has: {listed}")
        _check_kind(option, value, defaults[option])


@functools.cache
def modules() -> dict[str, Path]:
    """The classes of `torch.optim` by name, and the files that they are in."""
    torch = importlib.util.find_spec("torch")
    if torch is None or torch.origin is None:
        raise ValueError("torch is not installed")
    folder = Path(torch.origin).parent / "optim"
    found = {}
    for node in _parsed(folder / "__init__.py").body:
        if isinstance(node, ast.ImportFrom) and node.module:
            file = folder / (node.module.rpartition(".")[2] + ".py")
            names = [alias.name for alias in node.names if alias.name[0].isupper()]
            found.update({name: file for name in names if name != "Optimizer"})
    return found


@functools.cache
def parameters(name: str) -> dict[str, Any]:
    """An optimizer's options and their defaults, `ANYTHING` where that is not written out."""
    classes = [n for n in _parsed(modules()[name]).body if isinstance(n, ast.ClassDef)]
    body = next(n for n in classes if n.name == name).body
    made = next(n for n in body if isinstance(n, ast.FunctionDef) and n.name == "__init__").args
    plain = [a.arg for a in made.args]
    defaults = dict(zip(reversed(plain), reversed(made.defaults), strict=False))
    defaults |= {a.arg: d for a, d in zip(made.kwonlyargs, made.kw_defaults, strict=True) if d}
    names = [*plain[1:], *(a.arg for a in made.kwonlyargs)]
    return {n: _value(defaults.get(n)) for n in names if n not in WITHHELD}


def _check_kind(option: str, value: Any, default: Any) -> None:
    if isinstance(default, bool):
        fits, expected = isinstance(value, bool), "true or false"
    elif isinstance(default, (int, float)):
        fits = isinstance(value, (int, float)) and not isinstance(value, bool)
        expected = "a number"
    elif isinstance(default, tuple):
        fits = isinstance(value, list) and len(value) == len(default)
        expected = f"a list of {len(default)}"
    else:
        return
    if not fits:
        raise ValueError(f"options: {option}: expected {expected}, got {value!r}")


def _value(node: ast.expr | None) -> Any:
    try:
        return ANYTHING if node is None else ast.literal_eval(node)
    except ValueError:
        return ANYTHING


def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))
