"""What is wrong with a user's data: all of it at once, and pydantic's part in plain words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from p2lbench.errors import SuiteErrors, UserError, did_you_mean
from p2lbench.spec import canonical
from p2lbench.yamlfile import Keys, Locate

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

Model = TypeVar("Model", bound=BaseModel)


class Problems:
    """Collects what is wrong, so that all of it can be said at once."""

    def __init__(self) -> None:
        self.errors: list[UserError] = []

    def add(self, error: UserError) -> None:
        """Keep an error, or each of several."""
        self.errors.extend(error.errors if isinstance(error, SuiteErrors) else [error])

    @contextmanager
    def catch(self) -> Iterator[None]:
        """Keep a `UserError` raised inside, and go on after the block."""
        try:
            yield
        except UserError as error:
            self.add(error)

    def check(self) -> None:
        """Raise what was kept.

        Raises:
            UserError: the only error kept, or all of them as `SuiteErrors`.
        """
        if self.errors:
            raise self.errors[0] if len(self.errors) == 1 else SuiteErrors(self.errors)


def checked(model: type[Model], data: Any, locate: Locate) -> Model:
    """Data as a pydantic model.

    Raises:
        SuiteErrors: it does not fit, in one or several ways.
    """
    # As JSON, because pydantic's strict mode would else refuse a list for a tuple.
    try:
        return model.model_validate_json(to_json(data))
    except ValidationError as error:
        wrongs = explain(error, data)
        raise SuiteErrors([placed(wrong, model, locate) for wrong in wrongs]) from error


def to_json(data: Any) -> str:
    """Data as pydantic takes it, the order of its keys kept."""
    return json.dumps(data, allow_nan=False)


def placed(wrong: Wrong, model: type[BaseModel], locate: Locate) -> UserError:
    """The error a user sees: unknown keys where they stand, missing ones at their parent."""
    *parent, last = wrong.path or ("",)
    if wrong.type == "extra_forbidden":
        known = _known(model, parent)
        message = f"unknown key '{last}'.{did_you_mean(str(last), known)}"
        return UserError(f"{message} Known keys: {', '.join(known)}", locate(*wrong.path, key=True))
    if wrong.type == "missing":
        return UserError(f"missing key '{last}': {wrong.message}", locate(*parent))
    return UserError(f"{_dotted(wrong.path)}{wrong.message}", locate(*wrong.path))


def _dotted(path: Keys) -> str:
    return f"{'.'.join(map(str, path))}: " if path else ""


def _known(model: type[BaseModel], parent: list[str | int]) -> list[str]:
    """The keys that a model has at a path."""
    for key in parent:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        if key in fields:
            annotation = fields[str(key)].annotation
            models = [a for a in (annotation, *get_args(annotation)) if isinstance(a, type)]
            model = next((m for m in models if issubclass(m, BaseModel)), model)
    return [field.alias or name for name, field in model.model_fields.items()]


@dataclass(frozen=True)
class Wrong:
    """One thing that pydantic refuses: where below the data, of what type, and in plain words."""

    path: Keys
    type: str
    message: str


def explain(error: ValidationError, data: Any) -> list[Wrong]:
    """Pydantic's errors in plain words, those of a union's members told as one."""
    expected: dict[Keys, list[tuple[str, str]]] = {}
    for item in error.errors(include_url=False):
        path = _existing(item["loc"], data, item["type"])
        text = _expectation(item["type"], item["msg"], item.get("ctx", {}))
        expected.setdefault(path, []).append((item["type"], text))
    # If one member of a union fits the shape, what is wrong is what lies deeper.
    deepest = [p for p in expected if not any(q != p and q[: len(p)] == p for q in expected)]
    return [_wrong(path, expected[path], data) for path in deepest]


_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a text",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "dataclass_type": "a mapping",
    "unexpected_keyword_argument": "no such key",
    "none_required": "null",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
    "value_error": "{error}",
}


def _expectation(kind: str, message: str, context: Mapping[str, Any]) -> str:
    if kind in _EXPECTED:
        return _EXPECTED[kind].format(**context)
    return message.removeprefix("Input should be ")


def _existing(location: tuple[str | int, ...], data: Any, kind: str) -> Keys:
    """The part of pydantic's location that is in the data: it names the members of unions, too."""
    path: list[str | int] = []
    for part in location:
        if _has(data, part):
            data = data[part]
        elif not (kind == "missing" and part == location[-1]):
            continue
        path.append(part)
    return tuple(path)


def _has(data: Any, part: str | int) -> bool:
    if isinstance(data, list):
        return isinstance(part, int) and part < len(data)
    return isinstance(data, dict) and part in data


def _wrong(path: Keys, found: list[tuple[str, str]], data: Any) -> Wrong:
    kind = found[0][0]
    if kind == "missing":
        index = isinstance(path[-1], int)
        return Wrong(path, kind, "expected one more" if index else "missing: it has no default")
    for key in path:
        data = data[key]
    expected = " or ".join(dict.fromkeys(text for _, text in found))
    return Wrong(path, kind, f"expected {expected}, got {got(data)}")


def got(value: Any) -> str:
    """A value as an error shows it."""
    if value is None:
        return "nothing"
    if isinstance(value, (dict, list)):
        kind = "a mapping" if isinstance(value, dict) else "a list"
        return f"{kind} of {len(value)}"
    text = repr(value) if isinstance(value, str) else canonical(value)
    return text if len(text) <= 60 else text[:57] + "..."
