"""A suite's images held against its generators, inits and transforms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from p2lbench.checks import Problems, got
from p2lbench.errors import UserError, did_you_mean
from p2lbench.generators.base import Generator
from p2lbench.imagelist import Found
from p2lbench.images import fit, read_image
from p2lbench.masks import read_mask
from p2lbench.options import build
from p2lbench.plan import class_index
from p2lbench.registry import Registry
from p2lbench.spec import InitMap, Named, TransformChain

LISTED = 12
FEWEST = 4  # pixels of a foreground: of fewer, a loss says nothing of an object


@dataclass(frozen=True)
class ImageChecks:
    """Every error goes to `problems`. `generators`: the rows with an instance of each."""

    images: Sequence[Found]
    generators: Sequence[tuple[Named, Any]]
    registry: Registry
    problems: Problems

    def classes(self, inits: Iterable[InitMap], without_init: frozenset[str]) -> None:
        """Conditional generators know the images' classes, and inits have those they need."""
        needing = [row.label for row in inits if self._needs_class(row)]
        used = [(row, g) for row, g in self.generators if row.label not in without_init]
        conditional = [(row, g) for row, g in used if is_conditional(g)]
        for found in self.images:
            given = found.image.class_name
            for row, generator in conditional:
                if given is None and needing:
                    message = f"init '{needing[0]}' needs the class of '{found.image.name}'"
                    self._class_error(f"{message}: add `class:`.", generator, found)
                    break
                if given is not None and class_index(given, generator.classes) is None:
                    close = did_you_mean(str(given), generator.classes)
                    message = f"generator '{row.label}' has no class {got(given)}.{close}"
                    self._class_error(message, generator, found)

    def masks(self) -> None:
        """A generator sees the central part of a photo; enough of the mask must be left in it."""
        shapes = {row.label: g.shape for row, g in self.generators if isinstance(g, Generator)}
        for found in self.images if shapes else ():
            image = found.image
            if image.mask is None:
                continue
            share = read_mask(image.mask, image.file, read_image(image.file))
            for label, size in shapes.items():
                count = int((fit(share, size) > 0.5).sum())
                if count < FEWEST:
                    pixels = f"of the {size[1]} x {size[0]} pixels that '{label}' sees"
                    message = f"{pixels} of the photo's central part, {count} are foreground: "
                    message += f"expected at least {FEWEST}; crop the photo around its object, or "
                    message += "give a larger mask"
                    self.problems.add(UserError(message, found.mask_place))

    def truths(self, transforms: Iterable[TransformChain]) -> None:
        """Some transforms are of use only where the suite tells the true one."""
        first = next((found for found in self.images if not found.truth), None)
        for row in {row.label: row for row in transforms}.values() if first else ():
            parts = [build(spec, self.registry) for spec in row.parts]
            if first and any(getattr(part, "needs_truth", False) for part in parts):
                message = f"transform '{row.label}' needs the truth of '{first.image.name}'"
                advice = "add for example `truth: {spatial: [1, 1, 0.25, 0]}`"
                self.problems.add(UserError(f"{message}: {advice}", first.truth_locate()))

    def _needs_class(self, init: InitMap) -> bool:
        instances = [build(spec, self.registry) for _, spec in init.parts]
        return any(getattr(instance, "needs_class", False) for instance in instances)

    def _class_error(self, message: str, generator: Any, found: Found) -> None:
        names = tuple(generator.classes)
        listed = ", ".join(names[:LISTED]) + (", ..." if len(names) > LISTED else "")
        expected = f" Expected 0 to {len(names) - 1}, or one of: {listed}" if names else ""
        self.problems.add(UserError(message + expected, found.place))


def is_conditional(generator: Any) -> bool:
    """Whether its images depend on a class."""
    return bool(getattr(generator, "conditional", False))
