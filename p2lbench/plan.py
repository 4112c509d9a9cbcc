"""Suite → cells, ids, seeds. Pure and lazy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import product
from math import isinf
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from p2lbench import weights
from p2lbench.budget import Budget
from p2lbench.masks.kinds import BACKGROUND, Mask
from p2lbench.objective import HELD, PHI
from p2lbench.options import build
from p2lbench.seeds import stream
from p2lbench.spec import AXES, InitMap, Method, Protocol, Spec, canonical, hashed
from p2lbench.stated import files_hashed, origins, specs, stated
from p2lbench.steps import Steps

if TYPE_CHECKING:
    import numpy as np

    from p2lbench.plugins import Plugins
    from p2lbench.sample import Sample
    from p2lbench.suite import Suite

NO_INIT = InitMap("none")


@dataclass(frozen=True)
class Image:
    """One target of a suite, as found on disk and decoded."""

    name: str  # unique within the suite: the file's stem, or its path where stems repeat
    file: Path
    digest: str  # SHA-256 of decoded pixels, shape included
    class_name: str | int | None = None  # as the suite gives it
    mask: Mask | None = None
    mask_digest: str | None = None
    split: str | None = None
    truth: tuple[tuple[Spec, tuple[float, ...]], ...] = ()  # its true transforms and their phi
    sample: Sample | None = None  # what made it, if it is a generator's own


@dataclass(frozen=True)
class Cell:
    """Method × image × repeat: the unit that is run, stored, cached, retried.

    `mask_scoring` is resolved: what the suite says, else soft without a transform and hard with.
    """

    id: str
    method: Method
    image: Image
    repeat: int
    seed: int
    candidates: int
    budget: Budget
    protocol: Protocol
    threads: int
    device: str
    mask_scoring: str
    roles: tuple[tuple[str, str], ...] = ()
    steps: Steps = ()
    background: float = BACKGROUND


class PlanRow(NamedTuple):
    """One planned cell: the row names in the order of the axes, image name, repeat, cell id."""

    row: tuple[str, str, str, str, str]
    image: str
    repeat: int
    cell: str


@dataclass(frozen=True)
class Task:
    """A cell with all that a worker needs to run it; small enough to send.

    `metrics`: (label, spec) pairs. With `latents`, safetensors of an earlier run, nothing is
    searched: the points are scored again. `film`: points on the way are kept as well.
    """

    cell: Cell
    pixels: np.ndarray[Any, Any]  # (H, W, 3) uint8, as hashed
    mask: np.ndarray[Any, Any] | None  # (H, W) float32 in [0, 1]: the foreground's share
    metrics: tuple[tuple[str, Spec], ...]
    timeout: float
    latents: bytes = b""
    film: bool = False


class View(NamedTuple):
    """What of an image matters beside its pixels and its mask."""

    classes: tuple[str, ...] | None  # None: the class means nothing to the generator
    truth: bool  # whether what the suite tells of its true transform is used


@dataclass(frozen=True)
class Planned:
    """A method, all that decides its cells beside the image, and what it sees of that.

    `identity`: canonical JSON; the ids of cells have its SHA-256 in them, which is `key`.
    """

    method: Method
    identity: str
    view: View

    @cached_property
    def key(self) -> str:
        return hashed(self.identity)


@dataclass(frozen=True)
class Plan:
    """A suite's cells on a kind of device, worked out when asked for."""

    suite: Suite
    device: str
    planned: tuple[Planned, ...]
    _parts: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def methods(self) -> tuple[Method, ...]:
        """The leaderboard's rows."""
        return tuple(planned.method for planned in self.planned)

    def cells(self) -> Iterator[Cell]:
        """Every cell once, in the order to run them.

        Repeats outermost, then generators, images, and the other axes: a run that is interrupted
        has compared all methods on whole repeats and images, and a worker changes its generator,
        which is what is slow to load, no more than once per repeat and generator.
        """
        seen: set[str] = set()
        for planned, image, repeat, identity in self._entries():
            cell = hashed(identity)
            if cell not in seen:
                seen.add(cell)
                yield self._cell(planned.method, image, repeat, cell)

    def rows(self) -> Iterator[PlanRow]:
        """Every method × image × repeat. Methods that resolve to the same cell share it."""
        for planned, image, repeat, identity in self._entries():
            yield PlanRow(planned.method.row, image.name, repeat, hashed(identity))

    def identities(self) -> Iterator[tuple[str, str]]:
        """Keys of methods and ids of cells, each with what it is the SHA-256 of."""
        yield from ((planned.key, planned.identity) for planned in self.planned)
        yield from ((hashed(identity), identity) for *_, identity in self._entries())

    def contents(self, planned: Planned) -> Iterator[tuple[Image, int, dict[str, Any]]]:
        """A method's images and repeats, each with all that decides its cell beside the method."""
        for repeat, image in product(range(self.suite.repeats), self.suite.images):
            yield image, repeat, self._beside_method(planned, image, repeat)

    def __len__(self) -> int:
        return self._count

    def count(self, planned: Planned) -> int:
        """How many cells a method has; another one that resolves to the same has the same."""
        return self._images[planned.view] * self.suite.repeats

    @cached_property
    def _images(self) -> dict[View, int]:
        # By what a method sees of an image: there are few such views, and many methods.
        return {
            view: len({canonical(self._content(view, image)) for image in self.suite.images})
            for view in {planned.view for planned in self.planned}
        }

    @cached_property
    def _count(self) -> int:
        return sum(map(self.count, {planned.key: planned for planned in self.planned}.values()))

    def _entries(self) -> Iterator[tuple[Planned, Image, int, str]]:
        groups: dict[str, list[Planned]] = {}
        for planned in self.planned:
            groups.setdefault(planned.method.generator.label, []).append(planned)
        order = product(range(self.suite.repeats), groups.values(), self.suite.images)
        for repeat, group, image in order:
            for planned in group:
                yield planned, image, repeat, self._identity(planned, image, repeat)

    def _identity(self, planned: Planned, image: Image, repeat: int) -> str:
        key = id(planned.view), image.name
        if key not in self._parts:  # all but the method and the repeat, since there are many cells
            whole = canonical({**self._beside_method(planned, image, 0), "method": "@"})
            self._parts[key] = whole.split('"@","repeat":0')
        before, after = self._parts[key]
        return f'{before}"{planned.key}","repeat":{repeat}{after}'

    def _beside_method(self, planned: Planned, image: Image, repeat: int) -> dict[str, Any]:
        content = self._content(planned.view, image)
        return {**content, "seed": self.suite.seed, "repeat": repeat}

    def _content(self, view: View, image: Image) -> dict[str, Any]:
        """What of an image decides a cell: its pixels, its mask and what the mask's background
        weighs where that is not 0.3, the class's number, and where it is used the truth."""
        background = self.suite.background
        weighed = image.mask_digest is not None and background != BACKGROUND
        truth = [[spec.plain(), list(values)] for spec, values in image.truth]
        known = view.classes
        return {
            "image": image.digest,
            "mask": image.mask_digest,
            "class": None if known is None else class_index(image.class_name, known),
            **({"background": background} if weighed else {}),
            **({"truth": truth} if view.truth else {}),
        }

    def _cell(self, method: Method, image: Image, repeat: int, cell: str) -> Cell:
        suite = self.suite
        return Cell(
            cell,
            method,
            image,
            repeat,
            seed(suite.seed, image.digest, repeat),
            suite.candidates,
            suite.budget,
            suite.protocol,
            suite.threads,
            self.device,
            mask_scoring(suite, method),
            suite.roles,
            suite.steps,
            suite.background,
        )


def plan(suite: Suite, plugins: Plugins, device: str = "cpu") -> Plan:
    """Cross a suite's axes and hash what decides each method's outcome.

    Args:
        device: as torch names it; ids depend on its kind alone (`cuda:1` is `cuda`).

    Raises:
        WeightsMissing: weights went away since the suite was loaded.
    """
    common = {
        "candidates": suite.candidates,
        "budget": {k: None if isinf(v) else v for k, v in asdict(suite.budget).items()},
        "protocol": suite.protocol,
        "threads": suite.threads,
        "device": device.partition(":")[0],
        "micro_batch": None,
    }
    planner = _Planner(suite, plugins, common)
    return Plan(suite, device, tuple(map(planner.planned, methods(suite))))


def methods(suite: Suite) -> tuple[Method, ...]:
    """The axes crossed, without what `exclude` drops, and what `include` adds at the end."""
    kept = [m for m in crossed(suite) if not any(matches(m, rule) for rule in suite.exclude)]
    rows = {method.row for method in kept}
    return (*kept, *(method for method in suite.include if method.row not in rows))


def crossed(suite: Suite) -> Iterator[Method]:
    """All methods of the axes, the first axis slowest."""
    for generator in suite.generators:
        inits = (NO_INIT,) if generator.label in suite.without_init else suite.inits
        rest = product(suite.losses, suite.transforms, inits, suite.optimizers)
        for loss, transform, init, optimizer in rest:
            yield Method(generator, loss, transform, init, optimizer)


def matches(method: Method, rule: Mapping[str, str]) -> bool:
    """Whether a method has all the row names that an `exclude` entry gives, by axis."""
    row = dict(zip(AXES, method.row, strict=True))
    return all(row[axis] == name for axis, name in rule.items())


def mask_scoring(suite: Suite, method: Method) -> str:
    """`soft` or `hard`: what the suite says, else the method's own."""
    return suite.mask_scoring or method.mask_scoring


def class_index(given: str | int | None, classes: tuple[str, ...]) -> int | None:
    """The number of a class that a suite names by number or name; None if it is not one.

    Where a generator has no names, any number from 0 on will do.
    """
    if isinstance(given, int):
        return given if given >= 0 and (not classes or given < len(classes)) else None
    return classes.index(given) if given in classes else None


def seed(suite_seed: int, image_digest: str, repeat: int) -> int:
    """A cell's seed (128 bits). The method is not in it: all methods meet the same starts."""
    return stream("cell", suite_seed, image_digest, repeat)


def candidate_seed(cell_seed: int, candidate: int) -> int:
    """One candidate's seed (128 bits): the same whatever the number of candidates is."""
    return stream(cell_seed, "candidate", candidate)


@dataclass(frozen=True)
class _Planner:
    """Plans methods one by one; a plugin that several of them name is built once."""

    suite: Suite
    plugins: Plugins
    common: Mapping[str, Any]
    built: dict[str, Any] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)  # of weights, by name

    def planned(self, method: Method) -> Planned:
        parts = [self._built(spec) for spec in method.transform.parts]
        needs_truth = any(getattr(part, "needs_truth", False) for part in parts)
        truths = [spec for image in self.suite.images for spec, _ in image.truth]
        generator = self._built(method.generator.spec)
        instances = [self._built(spec) for spec in specs(method)]
        identity = canonical(
            {
                **self.common,
                **_said_of_variables(self.suite, method, generator),
                "method": method.plain(),
                "mask_scoring": mask_scoring(self.suite, method),
                "weights": {name: self._hash(name) for name in stated("weights", instances)},
                **files_hashed(stated("files", instances)),
                "origins": origins([method, *(truths if needs_truth else ())], self.plugins),
            }
        )
        conditional = getattr(generator, "conditional", False)
        classes = tuple(generator.classes) if conditional else None
        return Planned(method, identity, View(classes, needs_truth))

    def _built(self, spec: Spec) -> Any:
        key = canonical(spec.plain())
        if key not in self.built:
            self.built[key] = build(spec, self.plugins.registry)
        return self.built[key]

    def _hash(self, name: str) -> str:
        if name not in self.hashes:
            self.hashes[name] = weights.locate(name).sha256
        return self.hashes[name]


def _said_of_variables(suite: Suite, method: Method, generator: Any) -> dict[str, Any]:
    """The suite's roles and steps of the variables that a row has; of all where its generator does
    not say which it has."""
    stated = getattr(generator, "variable_names", ())
    own = {*stated, *((PHI, HELD) if method.transform.parts else ())}
    roles = {name: role for name, role in suite.roles if name in own or not stated}
    steps = {name: step.plain() for name, step in suite.steps if name in own or not stated}
    return {"roles": roles, **({"steps": steps} if steps else {})}
