"""YAML → a validated suite. Everything that is wrong is said at once, with file:line:column."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from p2lbench import plugins as plugins_module
from p2lbench.budget import Budget
from p2lbench.checks import Problems
from p2lbench.errors import Place, PluginError, SuiteErrors, UserError
from p2lbench.finetuning.wanted import Wanted, wanted
from p2lbench.options import UnknownName
from p2lbench.plan import Image
from p2lbench.plugins import Plugins
from p2lbench.rules import check_effect
from p2lbench.space import Role
from p2lbench.spec import InitMap, Method, Named, Protocol, Spec, TransformChain, WeightedLoss
from p2lbench.steps import Step, Steps
from p2lbench.suitefile import WrittenStep, find, shipped, validated
from p2lbench.suiteparts import PartsReader
from p2lbench.tuning.spaces import Asked
from p2lbench.yamlfile import Document, apply, decode, display, parse, read_bytes

if TYPE_CHECKING:
    from p2lbench.runtimes import Frozen

__all__ = ["Suite", "find", "load", "shipped"]


@dataclass(frozen=True)
class Suite:
    """What a suite file says, resolved and checked; `text` is the file as written, `document`
    what it says with the overrides.

    `images` are those that are run. `tune_images` are for `p2lbench tune` alone, which takes the
    values to try from `tune`, by optimizer's row name, where the optimizers' own do not do.
    `tuned_on`: the metric by which settings were chosen, which counts as optimised.
    `mask_scoring` is None where the suite leaves it to the transform. `without_init`: the row
    names of generators whose init is `none`, because they take no class and no init was named.
    """

    name: str
    file: Path
    text: str
    overrides: tuple[str, ...]
    document: Document
    images: tuple[Image, ...]
    tune_images: tuple[Image, ...]
    generators: tuple[Named, ...]
    losses: tuple[WeightedLoss, ...]
    transforms: tuple[TransformChain, ...]
    inits: tuple[InitMap, ...]
    optimizers: tuple[Named, ...]
    metrics: tuple[Spec, ...]
    metric_labels: tuple[str, ...]
    candidates: int
    repeats: int
    budget: Budget
    protocol: Protocol
    timeout: float
    threads: int
    seed: int
    plugin_files: tuple[Path, ...]
    roles: tuple[tuple[str, Role], ...]
    steps: Steps
    mask_scoring: Literal["soft", "hard"] | None
    background: float
    tune: Mapping[str, Asked]
    tuned_on: str | None
    baseline: str | None
    experiment: str | None
    finetune: Wanted | None
    reference: Path | None
    targets: Frozen | None
    exclude: tuple[Mapping[str, str], ...]
    include: tuple[Method, ...]
    without_init: frozenset[str] = frozenset()


def _step(written: float | WrittenStep) -> Step:
    return Step(written) if isinstance(written, float) else Step(written.relative, relative=True)


LoadPlugins = Callable[[Sequence[Path]], Plugins]


def load(
    suite: str | Path,
    plugin_files: Sequence[Path] = (),
    overrides: Sequence[str] = (),
    load_plugins: LoadPlugins = plugins_module.load,
) -> tuple[Suite, Plugins]:
    """Read and check a suite, and load the plugins that it can use.

    Args:
        suite: a path, or the name of a suite that comes with p2lbench.
        plugin_files: further plugin files (`--plugin`), after the suite's own.
        overrides: `a.b=YAML` settings (`--set`), in order.

    Raises:
        UserError: anything is wrong; `SuiteErrors` tells all of it.
    """
    path = find(suite).absolute()
    text = decode(read_bytes(path), display(path))
    document = parse(text, display(path))
    for override in overrides:
        document = apply(document, override)
    problems = Problems()
    written, bad = validated(document, problems)
    if "plugins" in bad:
        problems.check()  # without them no name can be judged
    own = _plugin_files(written.plugins, path.parent, document, problems)
    files = (*own, *plugin_files)
    plugins = _plugins(files, own, problems, load_plugins)
    parts = PartsReader(written, bad, path.parent, document, problems, plugins).parts()
    _report(problems, plugins)
    checked = Suite(
        name=written.name,
        file=path,
        text=text,
        overrides=tuple(overrides),
        document=document,
        candidates=written.candidates,
        repeats=written.repeats,
        budget=Budget(written.budget.passes or inf, written.budget.seconds or inf),
        protocol=written.budget.protocol,
        timeout=float(written.timeout),
        threads=written.threads,
        seed=written.seed,
        plugin_files=files,
        roles=tuple(sorted(written.roles.items())),
        steps=tuple((name, _step(step)) for name, step in sorted(written.steps.items())),
        mask_scoring=written.mask_scoring,
        background=written.background,
        tuned_on=written.tuned_on,
        baseline=written.baseline,
        experiment=written.experiment,
        finetune=None if written.finetune is None else wanted(written.finetune),
        targets=None,
        exclude=tuple(written.exclude),
        **parts,
    )
    check_effect(checked, document, problems)
    problems.check()
    if written.targets is not None:
        from p2lbench import targets

        frozen = targets.of_suite(written.targets, checked, plugins.registry)
        checked = replace(checked, targets=frozen)
    return checked, plugins


def _plugin_files(
    written: Sequence[str], folder: Path, document: Document, problems: Problems
) -> dict[Path, Place | None]:
    """The suite's plugin files and where it names them; what else it names must be installed.

    Without one of them no name can be judged, so that ends it.
    """
    files: dict[Path, Place | None] = {}
    before = len(problems.errors)
    for i, name in enumerate(written):
        place = document.place("plugins", i)
        if plugins_module.names_distribution(name):
            if missing := plugins_module.not_installed(name):
                problems.add(UserError(missing, place))
        elif os.path.isfile(folder / name):
            files.setdefault(folder / name, place)
        else:
            problems.add(UserError(f"{display(folder / name)}: no such plugin file", place))
    if len(problems.errors) > before:
        problems.check()
    return files


def _plugins(
    files: Sequence[Path],
    own: Mapping[Path, Place | None],
    problems: Problems,
    load_plugins: LoadPlugins,
) -> Plugins:
    try:
        return load_plugins(files)
    except PluginError as error:
        # A file of --plugin's stands nowhere in the suite.
        named = [place for file, place in own.items() if str(file.resolve()) in error.message]
        problems.add(PluginError(error.message, named[0] if named else None))
        raise SuiteErrors(problems.errors) from error


def _report(problems: Problems, plugins: Plugins) -> None:
    """Raise what was found; an unknown name may belong to a plugin that did not load."""
    broken = "".join(f"; plugin '{r.name}' did not load: {r.error}" for r in plugins.broken)
    problems.errors = [
        UserError(error.message + broken, error.place) if isinstance(error, UnknownName) else error
        for error in problems.errors
    ]
    problems.errors.sort(key=_position)
    problems.check()


def _position(error: UserError) -> tuple[str, int, int]:
    place = error.place
    return (place.file, place.line or 0, place.column or 0) if place else ("", 0, 0)
