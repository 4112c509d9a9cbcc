"""Which options of an optimizer are tuned, and over what: the suite's `tune:`, else its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel

from p2lbench.checks import STRICT, Problems, checked, got
from p2lbench.errors import PluginError, SuiteErrors, UserError, did_you_mean
from p2lbench.options import build
from p2lbench.registry import Registry
from p2lbench.spec import Spec
from p2lbench.tunable import Choices, Range, Scale, Tunable
from p2lbench.tuning.entries import Entry
from p2lbench.yamlfile import Locate, always, below, nowhere

Number = int | float
AnyTunable = TypeVar("AnyTunable", Tunable, Tunable | None)
Space = dict[str, Tunable]
Asked = dict[str, Tunable | None] | None
EXPECTED = (
    "expected [low, high], a list of choices, {range: [low, high], scale: linear} or "
    "{choices: [...]}"
)


class _Range(BaseModel):
    model_config = STRICT
    range: tuple[Number, Number]
    scale: Scale | None = None


class _Choices(BaseModel):
    model_config = STRICT
    choices: list[Any]


def read_spaces(
    written: Mapping[str, Mapping[str, Any] | None],
    entries: Sequence[Entry],
    registry: Registry,
    locate: Locate,
    problems: Problems,
) -> dict[str, Asked]:
    """The suite's `tune:`: row name of an optimizer → dotted option → values to try.

    None stands for what is left as written: an option, or all of a row.

    Args:
        locate: where something below `tune:` stands.
        problems: takes every error: of rows, options and values that are not there or do not fit.
    """
    rows, found = {entry.row.label: entry for entry in entries}, {}
    for label, options in written.items():
        if label not in rows:
            message = f"no optimizer row '{label}'.{did_you_mean(label, rows)}"
            place = locate(label, key=True)
            problems.add(UserError(f"{message} Rows: {', '.join(rows)}", place))
            continue
        space: dict[str, Tunable | None] = {}
        for path, values in (options or {}).items():
            with problems.catch():
                at = below(locate, label, path)
                read = None if values is None else _read(values, at)
                space[path] = _fitted(rows[label], path, read, registry, at)
        found[label] = None if options is None else space
    return found


def space_of(entry: Entry, written: Mapping[str, Asked], registry: Registry) -> Space:
    """What of a row is tuned: what `tune:` says, for the rest what the optimizer declares.

    Raises:
        PluginError: what it declares is none of its options, or is refused by it.
    """
    given = written.get(entry.row.label, {})
    if given is None:
        return {}
    space = {**_own_space(entry, registry, given), **given}
    return {path: values for path, values in space.items() if values is not None}


def _own_space(entry: Entry, registry: Registry, given: Collection[str]) -> Space:
    """What an optimizer and those nested in it declare as `tunable`, but for what is given.

    An option that the row sets to a mapping is left alone: one number cannot stand for it.
    """
    space: Space = {}
    for path, values in _declared(entry.row.spec, registry):
        if path in given or isinstance(entry.value(path), dict):
            continue
        try:
            space[path] = _fitted(entry, path, values, registry, nowhere)
        except UserError as error:
            raise PluginError(
                f"optimizer '{entry.row.spec.name}' declares '{path}' as tunable: {error}"
            ) from error
    return space


def _declared(spec: Spec, registry: Registry) -> Iterator[tuple[str, Tunable]]:
    yield from getattr(build(spec, registry), "tunable", {}).items()
    for option, value in spec.options.items():
        nested = enumerate(value) if isinstance(value, list) else [("", value)]
        for index, inner in nested:
            if isinstance(inner, Spec):
                prefix = f"{option}.{index}" if index != "" else option
                yield from ((f"{prefix}.{path}", v) for path, v in _declared(inner, registry))


def _read(written: Any, locate: Locate) -> Tunable:
    """`[low, high]`, any other list as choices, or either of them spelt out.

    Raises:
        UserError: it is none of these.
    """
    given, at = written, locate
    if isinstance(written, list):
        numbers = len(written) == 2 and all(map(_is_number, written))
        given = {"range" if numbers else "choices": written}
        at = always(locate())
    try:
        if isinstance(given, dict) and "choices" in given:
            return Choices(checked(_Choices, given, at).choices)
        if isinstance(given, dict) and "range" in given:
            found = checked(_Range, given, at)
            return Range(*found.range, found.scale)
    except ValueError as error:
        raise UserError(str(error), locate()) from error
    raise UserError(f"{EXPECTED}, got {got(written)}", locate())


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _fitted(
    entry: Entry, path: str, values: AnyTunable, registry: Registry, locate: Locate
) -> AnyTunable:
    """The values, tried on the option: a range of whole numbers is known by what it refuses.

    Raises:
        UserError: there is no such option, or it refuses an end of the range or a choice.
    """
    try:
        entry.changed({path: None})
    except UserError as error:
        raise UserError(error.message, locate(key=True)) from error
    for value in values.ends if values is not None else ():
        try:
            entry.resolved(registry, {path: value})
        except UserError as error:
            raise _placed(error, locate) from error
    if isinstance(values, Range) and all(isinstance(end, int) for end in values.ends):
        between = values.low + 0.5
        return replace(values, whole=not _accepts(entry, path, between, registry))
    return values


def _placed(error: UserError, locate: Locate) -> UserError:
    first = error.errors[0] if isinstance(error, SuiteErrors) else error
    return UserError(first.message, locate())


def _accepts(entry: Entry, path: str, value: float, registry: Registry) -> bool:
    try:
        entry.resolved(registry, {path: value})
    except UserError:
        return False
    return True
