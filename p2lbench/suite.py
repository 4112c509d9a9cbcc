"""YAML → a validated suite. Everything that is wrong is said at once, with file:line:column."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, Literal

from p2lbench import plugins as plugins_module
from p2lbench import weights
from p2lbench.axes import NONE, Axes, Row, read_axis
from p2lbench.budget import Budget
from p2lbench.checks import Problems
from p2lbench.errors import Place, PluginError, SuiteErrors, UserError, did_you_mean
from p2lbench.imagechecks import ImageChecks, is_conditional
from p2lbench.imagelist import TUNE, Found, read_images
from p2lbench.options import UnknownName, build
from p2lbench.plan import Image, hashes_of_files, weights_named
from p2lbench.plugins import Plugins
from p2lbench.rules import Rules, check_effect
from p2lbench.space import Role
from p2lbench.spec import AXES, InitMap, Method, Named, Protocol, Spec, TransformChain, WeightedLoss
from p2lbench.steps import Step, Steps
from p2lbench.suitefile import Written, WrittenStep, find, shipped, validated
from p2lbench.truth import read_truth
from p2lbench.tuning.entries import entries
from p2lbench.tuning.spaces import Asked, read_spaces
from p2lbench.variables import Variables
from p2lbench.yamlfile import Document, Locate, always, apply, decode, display, parse, read_bytes

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
    reference: Path | None
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
    parts = _Reader(written, bad, path.parent, document, problems, plugins).parts()
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
        exclude=tuple(written.exclude),
        **parts,
    )
    check_effect(checked, document, problems)
    problems.check()
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


class _Reader:
    """Reads the axes and images of a suite; every error goes to `problems`.

    `bad`: keys that are wrong, which checks across keys leave out.
    """

    def __init__(
        self,
        written: Written,
        bad: set[str],
        folder: Path,
        document: Document,
        problems: Problems,
        plugins: Plugins,
    ) -> None:
        self.written, self.bad, self.folder = written, bad, folder
        self.document, self.problems = document, problems
        self.registry = plugins.registry
        self.axes = Axes(plugins.registry)
        self.rows: dict[str, list[tuple[Any, Place | None]]] = {}

    def parts(self) -> dict[str, Any]:
        """The fields of a Suite that plugins or files decide."""
        self._axis("generators", self.written.generators)
        self._axis("losses", self.written.losses or self._default_losses())
        self._axis("transforms", self.written.transforms)
        self._axis("optimizers", self.written.optimizers)
        self._axis("metrics", self.written.metrics or self._default_metrics())
        images = self._images()
        self._axis("inits", self.written.inits or self._default_inits(images))
        without_init = self._without_init()
        checks = ImageChecks(images, self._generators(), self.registry, self.problems)
        checks.classes(self._read("inits"), without_init)
        checks.masks()
        self._check_tuned_on()
        rows = {key: tuple(row for row, _ in found) for key, found in self.rows.items()}
        metrics = rows.pop("metrics")
        include = self._rules(rows, without_init)
        self._check_variables(include)
        checks.truths([*self._read("transforms"), *(method.transform for method in include)])
        return {
            **rows,
            "images": tuple(f.image for f in images if f.image.split != TUNE),
            "tune_images": tuple(f.image for f in images if f.image.split == TUNE),
            "metrics": tuple(metric.spec for metric in metrics),
            "metric_labels": tuple(metric.label for metric in metrics),
            "without_init": without_init,
            "include": include,
            "tune": self._spaces(rows["optimizers"], include),
            "reference": self._reference(),
        }

    def _rules(self, rows: dict[str, Any], without_init: frozenset[str]) -> tuple[Method, ...]:
        """The included methods. Rules name rows, so they wait until all rows are right."""
        if self.bad & {*AXES, "exclude", "include", "baseline"}:
            return ()
        rules = Rules(self.axes, rows, without_init, self.document, self.problems)
        rules.check_exclude(self.written.exclude)
        include = rules.include(self.written.include)
        rules.check_baseline(self.written.baseline, include)
        return include

    def _spaces(self, rows: Sequence[Named], include: Sequence[Method]) -> dict[str, Asked]:
        """What `tune:` gives; it names rows, so it waits until all of them are right."""
        if self.bad & {"optimizers", "include", "tune"} or len(include) < len(self.written.include):
            return {}
        written = entries(self.document.data, rows, include)
        locate = self.document.within("tune")
        return read_spaces(self.written.tune, written, self.registry, locate, self.problems)

    def _axis(self, key: str, written: Sequence[Any]) -> None:
        if key in self.bad:
            self.rows[key] = []
            return
        before = len(self.problems.errors)
        self.rows[key] = read_axis(written, self.axes.reader(key), self._locate(key), self.problems)
        if key != "metrics":  # a metric without weights is a note in the leaderboard
            self.rows[key] = [found for found in self.rows[key] if self._has_weights(*found)]
        if len(self.problems.errors) > before:
            self.bad.add(key)

    def _locate(self, key: str) -> Locate:
        """Where an axis stands; what is not written follows from the generators."""
        if (key,) in self.document.values:
            return self.document.within(key)
        return always(self.document.place("generators"))

    def _read(self, key: str) -> tuple[Any, ...]:
        return tuple(row for row, _ in self.rows[key])

    def _has_weights(self, row: Row, place: Place | None) -> bool:
        before = len(self.problems.errors)
        look: list[Callable[[], object]] = [partial(hashes_of_files, row, self.registry)]
        look += [partial(weights.locate, name) for name in weights_named(row, self.registry)]
        for each in look:
            try:
                each()
            except UserError as error:
                self.problems.add(type(error)(error.message, place))
        return len(self.problems.errors) == before

    def _generators(self) -> list[tuple[Named, Any]]:
        return [(row, build(row.spec, self.registry)) for row in self._read("generators")]

    def _default_losses(self) -> list[Any]:
        if "generators" in self.bad:
            self.bad.add("losses")
            return []
        stated = [getattr(instance, "default_loss", None) for _, instance in self._generators()]
        if stated[0] and all(loss == stated[0] for loss in stated):
            return [dict(stated[0])]
        reason = "no default loss" if not any(stated) else "different default losses"
        message = f"the generators have {reason}: add `losses:`, for example [{{l1: 1}}]"
        self.problems.add(UserError(message, self.document.place("generators")))
        self.bad.add("losses")
        return []

    def _default_metrics(self) -> list[str]:
        own = [getattr(instance, "default_metrics", ()) for _, instance in self._generators()]
        return list(dict.fromkeys(["l1", "l2", *(name for names in own for name in names)]))

    def _default_inits(self, images: Sequence[Found]) -> list[str]:
        if self._generators() and not self._conditional():
            return [NONE]
        with_class = all(found.image.class_name is not None for found in images)
        return ["ground-truth" if with_class else "predicted"]

    def _conditional(self) -> list[tuple[Named, Any]]:
        return [(row, g) for row, g in self._generators() if is_conditional(g)]

    def _without_init(self) -> frozenset[str]:
        if self.written.inits is not None:
            return frozenset()
        conditional = {row.label for row, _ in self._conditional()}
        return frozenset(row.label for row in self._read("generators")) - conditional

    def _images(self) -> list[Found]:
        if "images" in self.bad:
            return []
        locate = self.document.within("images")
        found = read_images(self.written.images, self.folder, locate, self.problems)
        return [self._with_truth(image) for image in found]

    def _with_truth(self, found: Found) -> Found:
        with self.problems.catch():
            truth = read_truth(found.truth, found.truth_locate, self.registry)
            return replace(found, image=replace(found.image, truth=truth))
        return found

    def _check_tuned_on(self) -> None:
        name, known = self.written.tuned_on, [row.label for row in self._read("metrics")]
        if name is not None and name not in known and not self.bad & {"metrics", "tuned_on"}:
            message = f"no metric '{name}' in this suite.{did_you_mean(name, known)}"
            place = self.document.place("tuned_on")
            self.problems.add(UserError(f"{message} Metrics: {', '.join(known)}", place))

    def _check_variables(self, include: Sequence[Method]) -> None:
        """Roles and steps name variables; optimizers may, too, wherever they stand in the suite."""
        if not (known := self._variables()):
            return
        names = Variables(known, self.registry, self.problems)
        if "roles" not in self.bad:
            names.check_roles(self.written.roles, self.document.within("roles"))
        if "steps" not in self.bad:
            names.check_names(self.written.steps, self.document.within("steps"))
        for i, row in enumerate(() if "optimizers" in self.bad else self._read("optimizers")):
            names.check(row.spec, self.document.within("optimizers", i))
        for i, row in enumerate(() if "transforms" in self.bad else self._read("transforms")):
            names.check_search(row, self.document.within("transforms", i))
        for i, (method, rule) in enumerate(zip(include, self.written.include, strict=False)):
            if isinstance(rule.get("optimizers"), dict):
                names.check(method.optimizer.spec, self.document.within("include", i, "optimizers"))
            if isinstance(rule.get("transforms"), dict):
                at = self.document.within("include", i, "transforms")
                names.check_search(method.transform, at)

    def _variables(self) -> list[str]:
        """All generators' variables and phi; none if a generator does not say which it has."""
        if "generators" in self.bad:
            return []
        stated = [getattr(generator, "variable_names", ()) for _, generator in self._generators()]
        known = dict.fromkeys([*(name for names in stated for name in names), "phi"])
        return [*known] if all(stated) else []

    def _reference(self) -> Path | None:
        if self.written.reference is None:
            return None
        path = self.folder / self.written.reference
        if not os.path.isdir(path):
            message = f"{display(path)}: no such results folder"
            self.problems.add(UserError(message, self.document.place("reference")))
        return path
