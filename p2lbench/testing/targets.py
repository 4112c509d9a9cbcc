"""Which plugins `p2lbench plugins check` means, and how each is made."""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from p2lbench import hookspecs
from p2lbench.errors import Place, PluginError, UserError, did_you_mean
from p2lbench.options import arguments, describe, resolve
from p2lbench.plugins import Plugins, Report, load
from p2lbench.registry import KINDS, Entry, singular
from p2lbench.spec import Spec
from p2lbench.testing.check import Factory
from p2lbench.yamlfile import Document, apply, parse


@dataclass(frozen=True)
class Target:
    """One plugin to check. `kind` is singular; `lacks` says why it cannot be made."""

    kind: str
    name: str
    origin: str
    factory: Factory | None
    lacks: str = ""


def find(
    written: str, kind: str | None = None, files: Sequence[Path] = (), settings: Sequence[str] = ()
) -> list[Target]:
    """The plugins that are meant.

    Args:
        written: a registered name, or `{name: options}` as in a suite; else a `.py` file, an
            entry point, a distribution or a module, for all that it registers.
        kind: one of `testing.KINDS`, if a name alone does not tell.
        settings: `option=value`, for a single plugin.

    Raises:
        UserError: there is none, it does not load, or an option is wrong.
    """
    file = Path(written)
    if written.endswith(".py"):
        plugins = load([*files, file])
        report = next(r for r in plugins.reports if r.file == str(file.resolve()))
        return _registered([report], plugins, kind, settings)
    plugins = load(files)
    name, options = _name_and_options(written)
    kinds = _kinds(plugins, name, kind)
    if len(kinds) > 1:
        named = " and ".join(singular(k) for k in kinds)
        hint = " or ".join(f"--kind {singular(k)}" for k in kinds)
        raise UserError(f"'{name}' names {named}: add {hint}")
    if kinds:
        return [_target(plugins, kinds[0], name, _set(options, settings))]
    return _registered(_reports(plugins, name), plugins, kind, settings)


def _name_and_options(written: str) -> tuple[str, dict[str, Any]]:
    if not written.lstrip().startswith("{"):
        return written, {}
    data = parse(written, "NAME").data
    if not (isinstance(data, dict) and len(data) == 1):
        raise UserError(f"expected a name or '{{name: {{option: value}}}}', got {written}")
    ((name, options),) = data.items()
    if not isinstance(options, dict | None):
        raise UserError(f"expected the options of '{name}' as a mapping, got {options!r}")
    return name, options or {}


def _set(options: dict[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    document = Document("NAME", options, values={(): Place("NAME")})
    for setting in settings:
        document = apply(document, setting)
    changed: dict[str, Any] = document.data
    return changed


def _kinds(plugins: Plugins, name: str, kind: str | None) -> list[str]:
    """The kinds that register a name. A loss counts as a metric only if that was asked for."""
    found = []
    for each in KINDS:
        if kind not in (None, singular(each)):
            continue
        try:
            entry, _ = plugins.registry.find(each, name)
        except PluginError:
            raise
        except UserError:
            continue
        if kind or entry.kind == each:
            found.append(each)
    return found


def _reports(plugins: Plugins, name: str) -> list[Report]:
    """The plugins that a name other than a registered one means."""
    points = importlib.metadata.entry_points(group=hookspecs.PROJECT)
    modules = {point.name for point in points if point.module == name}
    found = [r for r in plugins.reports if name in (r.name, r.origin.name) or r.name in modules]
    if not found:
        known = {entry.name for entry in plugins.registry} | {r.name for r in plugins.reports}
        hint = did_you_mean(name, sorted(known))
        raise UserError(
            f"unknown plugin '{name}'.{hint} Expected a registered name, an installed plugin or "
            "a .py file; see: p2lbench plugins list"
        )
    return found


def _registered(
    reports: Sequence[Report], plugins: Plugins, kind: str | None, settings: Sequence[str]
) -> list[Target]:
    for report in reports:
        if report.error:
            raise PluginError(f"plugin '{report.name}' does not load: {report.error}")
    texts = [text.partition(": ") for report in reports for text in report.registered]
    # Weights, which it may register besides, keep no contract.
    known = [(k, name) for k, _, name in texts if k in KINDS]
    pairs = [(k, name) for k, name in known if kind in (None, singular(k))]
    if not pairs:
        raise UserError(f"it registers no {kind or 'plugin that could be checked'}")
    if settings and len(pairs) > 1:
        names = ", ".join(name for _, name in pairs)
        raise UserError(f"--set: expected one plugin, got {names}: name one, with --plugin FILE")
    return [_target(plugins, k, name, _set({}, settings), bulk=True) for k, name in pairs]


def _target(
    plugins: Plugins, kind: str, name: str, options: dict[str, Any], bulk: bool = False
) -> Target:
    """`bulk`: it was not named itself, so that a lack of options is no error."""
    entry, carried = plugins.registry.find(kind, name)
    about = singular(kind), name, str(entry.origin)
    missing = [option for option, _, default in describe(entry) if not default]
    missing = [option for option in missing if option not in options and option not in carried]
    if bulk and entry.family:
        return Target(*about, None, f"it is a family: name one, such as '{name}Name'")
    if bulk and missing:
        example = f"{{{name}: {{{missing[0]}: …}}}}"
        return Target(*about, None, f"it needs '{missing[0]}': name it, as '{example}'")
    spec = resolve(plugins.registry, kind, {name: options}, try_out=False)
    return Target(*about, _factory(entry, spec, plugins))


def _factory(entry: Entry, spec: Spec, plugins: Plugins) -> Factory:
    plugin = entry.load()

    @functools.wraps(plugin, updated=())
    def fresh(**changes: Any) -> Any:
        return plugin(**{**arguments(spec, plugins.registry), **changes})

    return fresh
