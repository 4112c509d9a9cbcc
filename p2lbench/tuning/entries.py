"""An optimizer as a suite writes it, with some of its options changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from p2lbench.checks import got
from p2lbench.errors import UserError, did_you_mean
from p2lbench.options import resolve
from p2lbench.registry import Registry
from p2lbench.spec import Method, Named, Spec
from p2lbench.yamlfile import Keys

BESIDE = ("as", "settings")  # what may stand beside a plugin's name
_UNSET: Any = object()


@dataclass(frozen=True)
class Entry:
    """One optimizer of a suite: where it stands, what is written there, and what that means.

    `written`: a name or `{name: options}`, without what stands beside it.
    """

    keys: Keys
    written: Any
    row: Named

    def changed(self, options: Mapping[str, Any]) -> Any:
        """What would be written with other values of some options, by dotted path: `inner.lr`.

        Raises:
            UserError: there is no such option.
        """
        written = self.written
        for path, value in options.items():
            written = _changed(written, self.row.spec, path.split("."), value)
        return written

    def resolved(self, registry: Registry, options: Mapping[str, Any]) -> Spec:
        """The optimizer with other values of some options.

        Raises:
            UserError: there is no such option, or it refuses the value.
        """
        return resolve(registry, "optimizers", self.changed(options))

    def value(self, path: str) -> Any:
        """The value that an option has now, a nested one's included; None if it is not set."""
        found: Any = self.row.spec
        for key in path.split("."):
            options = found.options if isinstance(found, Spec) else found
            if isinstance(options, list):
                found = options[int(key)] if key.isdecimal() and int(key) < len(options) else None
            else:
                found = options.get(key) if isinstance(options, Mapping) else None
        return found


def entries(
    data: Mapping[str, Any], rows: Sequence[Named], include: Sequence[Method]
) -> list[Entry]:
    """The optimizers of a suite's document, those that `include` alone has at the end."""
    found = [
        Entry(("optimizers", i), _plugin(written), row)
        for i, (written, row) in enumerate(zip(data["optimizers"], rows, strict=True))
    ]
    known = {entry.row.label for entry in found}
    for i, (rule, method) in enumerate(zip(data.get("include", []), include, strict=True)):
        row = method.optimizer
        if "optimizers" in rule and row.label not in known:
            known.add(row.label)
            found.append(Entry(("include", i, "optimizers"), _plugin(rule["optimizers"]), row))
    return found


def _plugin(written: Any) -> Any:
    if not isinstance(written, dict):
        return written
    return {key: value for key, value in written.items() if key not in BESIDE}


def _changed(written: Any, spec: Spec, keys: Sequence[str], value: Any) -> Any:
    """A plugin as written with one option changed, however deep."""
    options = {} if isinstance(written, str) else dict(written[spec.name] or {})
    key, rest = keys[0], keys[1:]
    if key not in spec.options:
        known = list(spec.options)
        listed = f"Its options: {', '.join(known)}" if known else "It has no options"
        message = f"optimizer '{spec.name}' has no option '{key}'."
        raise UserError(f"{message}{did_you_mean(key, known)} {listed}")
    options[key] = _inside(options.get(key, _UNSET), spec.options[key], key, rest, value)
    return {spec.name: options}


def _inside(written: Any, resolved: Any, name: str, keys: Sequence[str], value: Any) -> Any:
    """An option's value, changed at some keys below it."""
    if not keys:
        return value
    if isinstance(resolved, Spec):
        return _changed(resolved.name if written is _UNSET else written, resolved, keys, value)
    key, rest = keys[0], keys[1:]
    if isinstance(resolved, list):
        return _in_list(written, resolved, name, keys, value)
    base = resolved if written is _UNSET else written
    if base is not None and not isinstance(base, dict):
        raise UserError(f"'{name}' is {got(base)}: expected a mapping, to set '{key}' in it")
    base, known = base or {}, resolved if isinstance(resolved, dict) else {}
    inner = _inside(base.get(key, _UNSET), known.get(key), f"{name}.{key}", rest, value)
    return {**base, key: inner}


def _in_list(
    written: Any, resolved: list[Any], name: str, keys: Sequence[str], value: Any
) -> list[Any]:
    key, rest = keys[0], keys[1:]
    if not key.isdecimal() or int(key) >= len(resolved):
        message = f"'{name}' is a list of {len(resolved)}: expected a number below that"
        raise UserError(f"{message}, got '{key}'")
    names = [item.name if isinstance(item, Spec) else item for item in resolved]
    base = list(names if written is _UNSET else written)
    base[int(key)] = _inside(base[int(key)], resolved[int(key)], f"{name}.{key}", rest, value)
    return base
