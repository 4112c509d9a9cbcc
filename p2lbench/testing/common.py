"""What every plugin promises, whatever its kind: its options, and that it can be pickled."""

from __future__ import annotations

import functools
import inspect
import pickle
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import is_dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from p2lbench.errors import UserError
from p2lbench.options import UnknownName, describe, resolve_options
from p2lbench.registry import Entry, Origin
from p2lbench.testing.check import Factory, Kit, Violation, does_not_apply
from p2lbench.weights import catalogue

NONSENSE = (-1, 0, 1, -1.0, 0.0)
Use = Callable[[Any], None]


def add_common(kit: Kit, kind: str, base: type, use: Use | None = None) -> None:
    """Add them to a kit. `kind` is the registry's; `use` puts an instance to some work."""

    @kit("made", "it is made without arguments, and is of its kind")
    def made(factory: Factory) -> None:
        build(factory, base)

    @kit("options", "its options have types, and defaults that a suite could write")
    def options(factory: Factory) -> None:
        plugin = plugin_of(factory)
        entry = Entry(kind, getattr(plugin, "__name__", "plugin"), plugin, Origin("the plugin"))
        try:
            required = [name for name, _, default in describe(entry) if not default]
            if not required:
                _check_defaults(entry)
        except UserError as error:
            raise Violation(
                "typed keyword parameters with plain defaults",
                str(error),
                "See 'Options' in docs/plugins.md.",
            ) from error

    @kit("nonsense", "a number it cannot use is refused with ValueError by the constructor")
    def nonsense(factory: Factory) -> None:
        tried = list(_numbers(factory))
        if not tried:
            does_not_apply("it has no options that are numbers")
        for option, value in tried:
            _refused_or_used(factory, option, value, use)

    @kit("pickle", "it can be pickled before it is loaded")
    def pickled(factory: Factory) -> None:
        instance = build(factory, base)
        try:
            again = pickle.loads(pickle.dumps(instance))
        # Pickling runs the plugin's code, which may raise anything.
        except Exception as error:
            raise Violation(
                "pickle.loads(pickle.dumps(it)) to work",
                f"{type(error).__name__}: {error}",
                "Keep options alone in the constructor, and make the rest in load or setup.",
            ) from error
        if type(again) is not type(instance):
            raise Violation(f"a {type(instance).__name__} back", type(again).__name__)


def build(factory: Factory, base: type, **options: Any) -> Any:
    """A fresh instance.

    Raises:
        Violation: it is none of its kind.
    """
    instance = factory(**options)
    if not isinstance(instance, base):
        raise Violation(
            f"a p2lbench.api.{base.__name__}",
            type(instance).__name__,
            f"Derive the class from p2lbench.api.{base.__name__}.",
        )
    return instance


def plugin_of(factory: Factory) -> Factory:
    """The class or function behind a factory: what a partial binds are values, not defaults."""
    while True:
        if isinstance(factory, functools.partial):
            factory = factory.func
        elif hasattr(factory, "__wrapped__"):
            factory = factory.__wrapped__
        else:
            return factory


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal, tensors and plain objects inside them included."""
    import numpy as np
    import torch

    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        return a.shape == b.shape and bool(torch.equal(a.nan_to_num(), b.nan_to_num()))
    if isinstance(a, np.ndarray):
        return bool(np.array_equal(a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    kind: Any = type(a)
    if kind.__eq__ is object.__eq__ or is_dataclass(kind):
        return same(getattr(a, "__dict__", {}), getattr(b, "__dict__", {}))
    return bool(a == b)


def _check_defaults(entry: Entry) -> None:
    # Another plugin's name is no error: a suite may bring that plugin along.
    with suppress(UnknownName):
        resolve_options(catalogue.in_use(), entry, {})


def _numbers(factory: Factory) -> Iterator[tuple[str, Any]]:
    """Options and numbers that their types allow."""
    for name, parameter in inspect.signature(factory, eval_str=True).parameters.items():
        for value in NONSENSE:
            if _allowed(parameter.annotation, value):
                yield name, value


def _allowed(annotation: Any, value: Any) -> bool:
    try:
        TypeAdapter(annotation).validate_python(value, strict=True)
    except (ValidationError, PydanticUserError, TypeError):
        return False
    return True


def _refused_or_used(factory: Factory, option: str, value: Any, use: Use | None) -> None:
    try:
        instance = factory(**{option: value})
    except (ValueError, UserError):
        return
    except Exception as error:
        raise Violation(
            f"{option}={value} to work, or a ValueError that begins with '{option}:'",
            f"{type(error).__name__}: {error}",
            "Check the value in the constructor, and raise ValueError.",
        ) from error
    if use is None:
        return
    try:
        use(instance)
    except (Exception, SystemExit) as error:
        raise Violation(
            f"{option}={value} to work, or to be refused by the constructor",
            f"{type(error).__name__} when it ran: {error}",
            "Raise ValueError in the constructor: it runs when a suite is validated.",
        ) from error
