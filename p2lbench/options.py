"""A plugin's options: its constructor's typed keyword parameters, checked and resolved."""

from __future__ import annotations

import functools
import inspect
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import PlainValidator, TypeAdapter, ValidationError, with_config
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticSerializationError, to_jsonable_python
from typing_extensions import TypedDict

from p2lbench.checks import STRICT, Problems, Wrong, explain, got, to_json
from p2lbench.errors import Place, PluginError, SuiteErrors, UserError, did_you_mean
from p2lbench.optimizers.base import Optimizer
from p2lbench.registry import Entry, Registry, parameters, singular
from p2lbench.spec import Spec, canonical
from p2lbench.yamlfile import Locate, always, below, nowhere

MAX_NESTING = 20


class UnknownName(UserError):
    """A name that no loaded plugin registers; one that failed to load may have."""


def resolve(
    registry: Registry,
    kind: str,
    written: Any,
    locate: Locate = nowhere,
    try_out: bool = True,
) -> Spec:
    """A plugin as a suite names it: a name, or `{name: options}`, with all its defaults filled in.

    Args:
        kind: one of `registry.KINDS`.
        locate: where something below `written` stands.
        try_out: build it once, so that values its constructor refuses are found here.

    Raises:
        UnknownName: no plugin registers the name.
        UserError: anything else is wrong; `SuiteErrors` if several things are.
    """
    return _resolve(registry, kind, written, locate, 0, try_out)


def build(spec: Spec, registry: Registry) -> Any:
    """A fresh instance of a plugin, nested ones built first.

    Raises:
        UserError: its constructor refuses the options, or raises anything at all.
    """
    entry, _ = registry.find(spec.kind, spec.name)
    given = arguments(spec, registry)
    try:
        return entry.load()(**given)
    # A third party's constructor may raise anything, sys.exit() included.
    except (Exception, SystemExit) as error:
        raise UserError(f"{_title(entry, spec.name)}: {_reason(error)}") from error


def arguments(spec: Spec, registry: Registry) -> dict[str, Any]:
    """What a plugin's constructor is called with, the plugins among it fresh instances."""
    entry, _ = registry.find(spec.kind, spec.name)
    values = _schema(entry).adapter.validate_json(to_json(_raw(spec.options)))
    return {key: _instances(values[key], spec.options[key], registry) for key in values}


def resolve_options(
    registry: Registry, entry: Entry, given: Mapping[str, Any], locate: Locate = nowhere
) -> dict[str, Any]:
    """All options of an entry, JSON-ready or nested specs; it need not be registered.

    Raises:
        UserError: an option is unknown or wrong; `SuiteErrors` if several are.
    """
    return _Use(registry, entry, entry.name, {}, locate).options(given)


def describe(entry: Entry) -> list[tuple[str, str, str]]:
    """Name, type and default of each option of a plugin; an empty default is required.

    Raises:
        PluginError: its options cannot be told from its signature.
    """
    schema = _schema(entry)
    return [
        (name, _type_text(schema.types[name]), _default_text(schema.defaults, name))
        for name in schema.offered
    ]


@dataclass(frozen=True)
class _Choice:
    """A plugin's name or `{name: options}`, not resolved yet."""

    written: Any


@dataclass(frozen=True)
class _Schema:
    adapter: TypeAdapter[dict[str, Any]]
    types: Mapping[str, Any]
    defaults: Mapping[str, Any]
    family: bool

    @property
    def offered(self) -> list[str]:
        """The options a suite may write: a family's `name` comes with the name itself."""
        return [name for name in self.types if not (self.family and name == "name")]


def _resolve(
    registry: Registry,
    kind: str,
    written: Any,
    locate: Locate,
    depth: int,
    try_out: bool = True,
) -> Spec:
    name, given, inside = _split(kind, written, locate)
    try:
        entry, carried = _find(registry, kind, name)
        use = _Use(registry, entry, name, carried, inside, depth)
        if entry.family and not carried:
            message = f"{use.title}: expected a name behind the colon, such as '{name}Name'"
            raise UserError(message, inside(key=True))
        options = use.options(given)
    except UserError as error:
        raise _at(error, inside(key=True)) from error
    spec = Spec(entry.kind, name, options)
    if try_out:
        _try_out(spec, registry, given, inside)
    return spec


def _find(registry: Registry, kind: str, name: str) -> tuple[Entry, dict[str, str]]:
    try:
        return registry.find(kind, name)
    except PluginError:
        raise
    except UserError as error:
        raise UnknownName(error.message) from error


def _at(error: UserError, place: Place | None) -> UserError:
    """The error, placed if it has no place yet."""
    if error.place or isinstance(error, SuiteErrors):
        return error
    return type(error)(error.message, place)


def _split(kind: str, written: Any, locate: Locate) -> tuple[str, dict[str, Any], Locate]:
    """Name, options, and where the options stand (`key=True` alone: where the name does)."""
    if isinstance(written, str):
        return written, {}, always(locate())
    if not (isinstance(written, dict) and len(written) == 1):
        message = f"expected a name or {{name: options}} of one {singular(kind)}, got"
        raise UserError(f"{message} {got(written)}", locate())
    ((name, given),) = written.items()
    if given is None:
        given = {}
    if not isinstance(given, dict):
        message = f"expected the options of '{name}' as a mapping, got {got(given)}"
        raise UserError(message, locate(name))
    return name, given, below(locate, name)


@dataclass(frozen=True)
class _Use:
    """A plugin as one place of a suite names it. `carried`: options that the name itself brings."""

    registry: Registry
    entry: Entry
    name: str
    carried: Mapping[str, Any]
    inside: Locate
    depth: int = 0

    @property
    def title(self) -> str:
        return _title(self.entry, self.name)

    def options(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All its options, JSON-ready or nested specs, the defaults filled in."""
        if self.depth > MAX_NESTING:
            raise PluginError(f"{self.title}: nested without end", self.inside(key=True))
        schema, problems = _schema(self.entry), Problems()
        for key in given:
            if key not in schema.offered:
                problems.add(self.unknown(key, schema.offered))
        known = {key: value for key, value in given.items() if key in schema.offered}
        options: dict[str, Any] = {}
        with problems.catch():
            values = self.validated(schema, {**schema.defaults, **known, **self.carried})
            for key, value in values.items():
                options[key] = self.ready(value, below(self.inside, key), problems)
        problems.check()
        return options

    def unknown(self, option: str, known: list[str]) -> UserError:
        listed = f"Its options: {', '.join(known)}" if known else "It has no options"
        message = f"{self.title} has no option '{option}'.{did_you_mean(option, known)} {listed}"
        return UserError(message, self.inside(option, key=True))

    def validated(self, schema: _Schema, raw: dict[str, Any]) -> dict[str, Any]:
        try:
            return schema.adapter.validate_json(to_json(raw))
        except ValidationError as error:
            raise SuiteErrors([self.refused(wrong) for wrong in explain(error, raw)]) from error

    def refused(self, wrong: Wrong) -> UserError:
        option = ".".join(map(str, wrong.path))
        message = f"option '{option}' of {self.title}: {wrong.message}"
        return UserError(message, self.inside(*wrong.path))

    def ready(self, value: Any, locate: Locate, problems: Problems) -> Any:
        """A validated value as JSON-ready data, the plugins named in it resolved."""
        if isinstance(value, _Choice):
            with problems.catch():
                depth = self.depth + 1
                return _resolve(self.registry, "optimizers", value.written, locate, depth)
            return None
        if isinstance(value, (list, tuple)):
            return [self.ready(v, below(locate, i), problems) for i, v in enumerate(value)]
        if isinstance(value, Mapping):
            return {str(k): self.ready(v, below(locate, k), problems) for k, v in value.items()}
        plain = to_jsonable_python(value)
        # A set's order differs from run to run, and the order is part of a cell's id.
        return sorted(plain, key=canonical) if isinstance(value, (set, frozenset)) else plain


def _try_out(spec: Spec, registry: Registry, given: Mapping[str, Any], inside: Locate) -> None:
    try:
        build(spec, registry)
    except UserError as error:
        words = re.findall(r"\w+", error.message.partition(": ")[2])
        option = next((word for word in words if word in given), None)
        place = inside(option) if option else inside(key=True)
        raise UserError(error.message, place) from error


def _raw(value: Any) -> Any:
    """Options as a suite would write them."""
    if isinstance(value, Spec):
        return {value.name: None}
    if isinstance(value, Mapping):
        return {key: _raw(inner) for key, inner in value.items()}
    return [_raw(inner) for inner in value] if isinstance(value, list) else value


def _instances(value: Any, option: Any, registry: Registry) -> Any:
    """A validated value with an instance in place of each plugin named in it."""
    if isinstance(value, _Choice):
        return build(option, registry)
    if isinstance(value, (list, tuple)):
        pairs = zip(value, option, strict=True)
        return type(value)(_instances(v, o, registry) for v, o in pairs)
    if isinstance(value, dict):
        return {k: _instances(v, option[str(k)], registry) for k, v in value.items()}
    return value


@functools.cache
def _schema(entry: Entry) -> _Schema:
    factory = entry.load()
    parameters(factory)  # refuses *args and **kwargs
    types, defaults = {}, {}
    for parameter in _signature(entry, factory):
        name = parameter.name
        if parameter.annotation is parameter.empty:
            message = f"{_title(entry)}: option '{name}' has no type; write {name}: float"
            raise PluginError(message)
        types[name] = parameter.annotation
        if parameter.default is not parameter.empty:
            defaults[name] = _default(entry, parameter)
    return _Schema(_adapter(entry, types), types, defaults, entry.family)


def _signature(entry: Entry, factory: Callable[..., Any]) -> Iterable[inspect.Parameter]:
    try:
        found = inspect.signature(factory, eval_str=True).parameters.values()
    # Evaluating annotations runs the plugin's text: a name imported for typing only, a mistake.
    except Exception as error:
        message = f"{_title(entry)}: the types of its options cannot be read: {error}"
        raise PluginError(f"{message}; import them outside of TYPE_CHECKING") from error
    if any(parameter.kind is parameter.POSITIONAL_ONLY for parameter in found):
        raise PluginError(f"{_title(entry)}: options must be keyword parameters: remove the '/'")
    return found


def _default(entry: Entry, parameter: inspect.Parameter) -> Any:
    try:
        plain = to_jsonable_python(parameter.default)
        canonical(plain)
    except (PydanticSerializationError, ValueError) as error:
        message = f"{_title(entry)}: option '{parameter.name}' has the default"
        expected = "expected numbers, texts, lists, mappings or None, as a suite could write"
        raise PluginError(f"{message} {parameter.default!r}: {expected}") from error
    return plain


def _adapter(entry: Entry, types: Mapping[str, Any]) -> TypeAdapter[dict[str, Any]]:
    # A TypedDict, because a model's fields may not be called `copy`, `json` or `model_…`.
    fields = {name: _substitute(annotation) for name, annotation in types.items()}
    make: Any = TypedDict
    table = with_config(STRICT)(make("Options", fields))
    try:
        return TypeAdapter(table)
    except (PydanticUserError, TypeError, NameError) as error:
        first = str(error).partition("\n")[0]
        message = f"{_title(entry)}: the types of its options cannot be checked: {first}"
        raise PluginError(message) from error


def _choice(value: Any) -> _Choice:
    if isinstance(value, str) or (isinstance(value, dict) and len(value) == 1):
        return _Choice(value)
    raise ValueError("an optimizer's name or {name: options}")


def _substitute(annotation: Any) -> Any:
    """The annotation with a choice in place of each `Optimizer`, however deep inside."""
    if inspect.isclass(annotation) and get_origin(annotation) is None:
        chosen = Annotated[_Choice, PlainValidator(_choice)]
        return chosen if issubclass(annotation, Optimizer) else annotation
    arguments = get_args(annotation)
    if not arguments:
        return annotation
    if get_origin(annotation) is Annotated:
        return Annotated[(_substitute(arguments[0]), *annotation.__metadata__)]
    new = tuple(_substitute(argument) for argument in arguments)
    if new == arguments:
        return annotation
    origin = get_origin(annotation)
    return functools.reduce(operator.or_, new) if origin in (Union, UnionType) else origin[new]


def _title(entry: Entry, name: str | None = None) -> str:
    origin = "" if entry.origin.name == "p2lbench" else f" of {entry.origin}"
    return f"{singular(entry.kind)} '{name or entry.name}'{origin}"


def _reason(error: BaseException) -> str:
    expected = isinstance(error, (ValueError, TypeError, UserError))
    return str(error) if expected and str(error) else f"{type(error).__name__}: {error}"


def _type_text(annotation: Any) -> str:
    if get_origin(annotation) is Annotated:
        limits = [repr(m) for extra in annotation.__metadata__ for m in _limits(extra)]
        return ", ".join([_type_text(annotation.__origin__), *limits])
    text = annotation.__name__ if inspect.isclass(annotation) and not get_args(annotation) else ""
    return text or re.sub(r"\b(?:\w+\.)+(?=\w)", "", str(annotation))


def _limits(extra: Any) -> list[Any]:
    return extra.metadata if isinstance(extra, FieldInfo) else [extra]


def _default_text(defaults: Mapping[str, Any], name: str) -> str:
    return canonical(defaults[name]) if name in defaults else ""
