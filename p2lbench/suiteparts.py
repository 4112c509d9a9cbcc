"""What plugins and files decide of a suite: its axes' rows, its metrics and its images."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from p2lbench import weights
from p2lbench.axes import NONE, Axes, Row, read_axis
from p2lbench.checks import Problems
from p2lbench.errors import Place, UserError, did_you_mean
from p2lbench.imagechecks import ImageChecks, is_conditional
from p2lbench.imagelist import TUNE, Found, read_images
from p2lbench.options import build
from p2lbench.plugins import Plugins
from p2lbench.reference import folder
from p2lbench.reference.match import renamed
from p2lbench.rules import Rules
from p2lbench.spec import AXES, Method, Named
from p2lbench.stated import hashes_of_files, weights_named
from p2lbench.suitefile import Written
from p2lbench.truth import read_truth
from p2lbench.tuning.entries import entries
from p2lbench.tuning.spaces import Asked, read_spaces
from p2lbench.variables import Variables
from p2lbench.yamlfile import Document, Locate, always, display


class PartsReader:
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
        stored = self._reference_rows()
        rows = {key: tuple(row for row, _ in found) for key, found in self.rows.items()}
        metrics = rows.pop("metrics")
        include = self._rules(rows, without_init, stored)
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
            "reference": self._reference,
        }

    def _rules(
        self, rows: dict[str, Any], without_init: frozenset[str], stored: Sequence[str]
    ) -> tuple[Method, ...]:
        """The included methods. Rules name rows, so they wait until all rows are right."""
        if self.bad & {*AXES, "exclude", "include", "baseline"}:
            return ()
        rules = Rules(self.axes, rows, without_init, self.document, self.problems)
        rules.check_exclude(self.written.exclude)
        include = rules.include(self.written.include)
        rules.check_baseline(self.written.baseline, include, stored)
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

    @property
    def _reference(self) -> Path | None:
        named = self.written.reference
        return None if named is None else self.folder / named

    def _reference_rows(self) -> tuple[str, ...]:
        """The reference's optimizers, under all names that they may have here."""
        if self._reference is None:
            return ()
        place = self.document.place("reference")
        if not os.path.isdir(self._reference):
            message = f"{display(self._reference)}: no such results folder"
            self.problems.add(UserError(message, place))
            return ()
        try:
            names = folder.names(self._reference)
        except UserError as error:
            self.problems.add(UserError(f"the reference cannot be used: {error.message}", place))
            return ()
        return (*names, *map(renamed, names))
