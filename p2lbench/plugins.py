"""Finds plugins (built in, installed, single files), reports which loaded and which did not."""

from __future__ import annotations

import hashlib
import importlib
import importlib.machinery
import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pluggy

import p2lbench
from p2lbench import hookspecs
from p2lbench.errors import PluginError
from p2lbench.registry import KINDS, Entry, Origin, Registry, singular
from p2lbench.weights import catalogue

BUILT_INS = tuple(
    f"p2lbench.{package}"
    for package in ("generators", "losses", "transforms", "inits", "optimizers", "weights")
)
_DISTRIBUTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Report:
    """What became of one plugin: what it registered, or why it was left out."""

    name: str
    origin: Origin
    registered: tuple[str, ...] = ()
    error: str | None = None
    file: str | None = None


@dataclass(frozen=True)
class Plugins:
    """Everything that is registered, and a report for each plugin that was looked at."""

    registry: Registry
    reports: tuple[Report, ...]

    @property
    def broken(self) -> tuple[Report, ...]:
        """The plugins that did not load."""
        return tuple(report for report in self.reports if report.error)


def load(files: Sequence[Path] = ()) -> Plugins:
    """Load the built-ins, the entry points of the group `p2lbench`, and `files`.

    An installed plugin that does not load is reported and left out. A file was asked for by name,
    so it must load. The weights that they register are those of the catalogue from then on.

    Raises:
        PluginError: one of `files` does not load.
    """
    loader = _Loader()
    for module in BUILT_INS:
        loader.take(module.rpartition(".")[2], _built_in_origin(), _importer(module), fatal=True)
    for point in importlib.metadata.entry_points(group=hookspecs.PROJECT):
        loader.take(point.name, _entry_point_origin(point), point.load)
    for file in dict.fromkeys(path.resolve() for path in files):
        loader.take(file.stem, _file_origin(file), _executor(file), True, file)
    catalogue.use(loader.registry)
    return Plugins(loader.registry, tuple(loader.reports))


def names_distribution(written: str) -> bool:
    """Whether an entry of a suite's `plugins:` names a distribution, and not a `.py` file."""
    return _DISTRIBUTION.fullmatch(written) is not None and not written.endswith(".py")


def not_installed(distribution: str) -> str | None:
    """What to do about a distribution that is not installed; None if it is."""
    with suppress(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version(distribution)
        return None
    beside = Path(p2lbench.__file__).parent.parent / "plugins" / distribution
    source = beside if (beside / "pyproject.toml").is_file() else distribution
    return (
        f"the plugin '{distribution}' is not installed: pip install {source} "
        f"(a plugin in a single file is named with its ending: {distribution}.py)"
    )


class _Loader:
    def __init__(self) -> None:
        self.registry = Registry()
        self.reports: list[Report] = []

    def take(
        self,
        name: str,
        origin: Origin,
        read: Callable[[], Any],
        fatal: bool = False,
        file: Path | None = None,
    ) -> None:
        """Import one plugin, run its hooks, and keep its report."""
        path = str(file) if file else None
        try:
            entries = _call_hooks(read(), origin)
            self.registry.add(entries)
        # A plugin's module may raise anything at all, sys.exit() included.
        except (Exception, SystemExit) as error:
            if fatal:
                where = path or name
                message = str(error) if isinstance(error, PluginError) else _describe(error)
                raise PluginError(f"plugin {where} does not load: {message}") from error
            self.reports.append(Report(name, origin, error=_describe(error), file=path))
        else:
            names = tuple(f"{entry.kind}: {entry.name}" for entry in entries)
            self.reports.append(Report(name, origin, names, file=path))


def _call_hooks(plugin: Any, origin: Origin) -> list[Entry]:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin)
    manager.check_pending()
    entries: list[Entry] = []
    for kind in KINDS:
        getattr(manager.hook, f"register_{kind}")(register=_collector(entries, kind, origin))
    manager.hook.register_weights(register=_weights_collector(entries, origin))
    if not entries:
        raise PluginError("it registers nothing: expected a register_… function with @hookimpl")
    return entries


def _collector(entries: list[Entry], kind: str, origin: Origin) -> hookspecs.Register:
    def register(
        name: str, factory: Callable[..., Any] | str, *, summary: str | None = None
    ) -> None:
        if not (callable(factory) or isinstance(factory, str)):
            raise PluginError(
                f"{singular(kind)} '{name}': expected a class, a function or 'module:attribute', "
                f"got {type(factory).__name__}; register the factory, not an instance"
            )
        entries.append(Entry(kind, name, factory, origin, summary or _first_line(factory)))

    return register


def _weights_collector(entries: list[Entry], origin: Origin) -> hookspecs.RegisterWeights:
    def register(weights: catalogue.Weights) -> None:
        if not isinstance(weights, catalogue.Weights):
            raise PluginError(
                f"expected p2lbench.api.Weights(...), got {type(weights).__name__}: "
                "register_weights takes entries of the catalogue"
            )
        if weights.name in catalogue.EMBEDDED:
            raise PluginError(f"weights '{weights.name}' come with p2lbench: choose another name")
        try:
            weights.check()
        except ValueError as error:
            raise PluginError(f"weights '{weights.name}': {error}") from error
        entries.append(Entry("weights", weights.name, lambda: weights, origin, weights.purpose))

    return register


def _first_line(factory: Callable[..., Any] | str) -> str:
    text = "" if isinstance(factory, str) else (factory.__doc__ or "")
    return text.strip().partition("\n")[0]


def _importer(module: str) -> Callable[[], ModuleType]:
    return lambda: importlib.import_module(module)


def _executor(file: Path) -> Callable[[], ModuleType]:
    return lambda: _exec(file)


class _Source(importlib.machinery.SourceFileLoader):
    """Reads the source and no bytecode, which after a quick edit may be that of the old source."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _exec(file: Path) -> ModuleType:
    # A name of its own, and an entry in sys.modules, so that instances can be pickled.
    digest = hashlib.sha256(str(file).encode()).hexdigest()[:12]
    name = f"p2lbench_plugin_{file.stem}_{digest}"
    loader = _Source(name, str(file))
    spec = importlib.util.spec_from_file_location(name, file, loader=loader)
    if spec is None or file.suffix != ".py" or not file.is_file():
        raise PluginError(f"expected an existing .py file, got {file}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _describe(error: BaseException) -> str:
    place = ""
    trace = error.__traceback__
    while trace is not None:
        place = f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})"
        trace = trace.tb_next
    text = f"{type(error).__name__}: {error}"
    return text if isinstance(error, PluginError) else text + place


def _built_in_origin() -> Origin:
    root = Path(p2lbench.__file__).parent
    return Origin("p2lbench", p2lbench.__version__, _source_if_editable("p2lbench", root))


def _entry_point_origin(point: importlib.metadata.EntryPoint) -> Origin:
    if point.dist is None:
        return Origin(point.module)
    spec = None
    with suppress(ImportError, ValueError):
        spec = importlib.util.find_spec(point.module.partition(".")[0])
    root = Path(spec.origin).parent if spec and spec.origin else None
    source = _source_if_editable(point.dist.name, root) if root else None
    return Origin(point.dist.name, point.dist.version, source)


def _file_origin(file: Path) -> Origin:
    source = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None
    return Origin(file.name, None, source)


def _source_if_editable(distribution: str, root: Path) -> str | None:
    """The hash of the Python files below `root`, unless they lie where releases are installed."""
    if "site-packages" in root.parts or "dist-packages" in root.parts:
        return None
    return hash_sources(root.rglob("*.py"), root)


def hash_sources(files: Iterable[Path], root: Path) -> str:
    """SHA-256 of files' relative names and contents, in the order of the names."""
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
