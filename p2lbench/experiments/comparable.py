"""Whether a row was run as the paper ran it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from p2lbench.experiments.model import METRICS, PaperRow
from p2lbench.experiments.protocol import CANDIDATES, GENERATOR, LOSS, OPTIONS, SEARCH
from p2lbench.masks.kinds import BACKGROUND
from p2lbench.spec import Method, Search, Spec

OTHER_IMAGES = (
    "the same protocol, other images: the paper's are not published, and its masks are boxes that "
    "Mask R-CNN found"
)
PUBLISHED = ("published", "recorded")  # of what `SuiteInfo.weights` says
LPIPS = "weights v0.1"  # in the protocol of a metric


@dataclass(frozen=True)
class Measured:
    """A metric of the folder: its plugin, and what it says of how its numbers come about."""

    spec: Spec
    protocol: str


@dataclass(frozen=True)
class Run:
    """How a row was run. `capped`: passes or seconds were limited. `masked`: every image has a
    mask. `scoring`: what a mask is in the original frame, soft or hard. `stated`: the suite's own
    roles and step sizes. `weights`: name → what the file is."""

    method: Method
    candidates: int
    protocol: str
    capped: bool
    masked: bool
    scoring: str
    background: float = BACKGROUND
    stated: tuple[str, ...] = ()
    metrics: Mapping[str, Measured] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)


def unlike_the_paper(run: Run, row: PaperRow) -> list[str]:
    """In what a run differs from the paper's protocol for a row of it; empty: in nothing known."""
    return [*_suite(run), *_metrics(run), *_steps(run.method, row)]


def _suite(run: Run) -> Iterator[str]:
    """What does not depend on the method's optimizer and transform."""
    generator = run.method.generator.spec
    if generator.name != GENERATOR or _given(generator):
        yield f"the generator is not {GENERATOR} with its default options"
    else:
        yield from _weights(run, GENERATOR)
    terms = {spec.name: weight for spec, weight in run.method.loss.terms}
    if terms != LOSS or any(_given(spec) for spec, _ in run.method.loss.terms):
        yield "the loss is not l1 + 10 lpips-alex with default options"
    if run.candidates != CANDIDATES:
        yield f"there are {run.candidates} candidates and not {CANDIDATES}"
    if run.protocol != "paper":
        yield f"the budget's protocol is {run.protocol} and not paper"
    if run.capped:
        yield "a budget limits passes or seconds"
    if run.stated:
        yield f"the suite says roles or step sizes of {', '.join(run.stated)}"
    if not run.masked:
        yield "some image has no mask"
    elif run.background != BACKGROUND:
        yield f"a mask's background weighs {run.background:g} and not {BACKGROUND:g}"
    if run.scoring != run.method.mask_scoring:
        yield f"masks are scored {run.scoring} and not {run.method.mask_scoring}"


def _metrics(run: Run) -> Iterator[str]:
    for name in METRICS:
        found = run.metrics.get(name)
        if found is None:
            yield f"there is no metric {name}"
        elif found.spec.name != name or _given(found.spec):
            yield f"{name} is not the metric of that name with default options"
        elif name.startswith("lpips"):
            if LPIPS not in found.protocol:
                yield f"{name} is not version 0.1"
            yield from _weights(run, name)


def _weights(run: Run, name: str) -> Iterator[str]:
    """Whether a network's file is the published one, as far as the folder tells."""
    told = run.weights.get(name)
    if told is None:
        yield f"the folder does not tell whether the weights of {name} are the published ones"
    elif told not in PUBLISHED:
        yield f"the weights of {name} are not known to be the published ones ({told})"


def _steps(method: Method, row: PaperRow) -> Iterator[str]:
    """Whether the method is the row's, with the paper's steps."""
    if not row.is_of(method):
        yield f"it is not the paper's method '{row.name}'"
        return
    yield from _unlike(row.optimizer, method.optimizer.spec.options, row.options)
    if any(_given(spec) for _, spec in method.init.parts):
        yield "the init has options of its own"
    if any(_given(part) for part in method.transform.parts):
        yield "the transform has options of its own"
    if row.transforms and method.transform.search is None:
        yield "the transform is not searched"
    elif method.transform.search is not None:
        yield from _search(method.transform.search)


def _search(search: Search) -> Iterator[str]:
    """Whether a transform is searched with the paper's steps, by CMA over Adam."""
    told: Mapping[str, Any] = vars(search)
    yield from _unlike("the transform's search", {name: told[name] for name in SEARCH}, SEARCH)
    for spec, wanted in ((search.outer, "cma"), (search.inner, "adam")):
        if spec.name != wanted:
            yield f"{spec.name} searches the transform and not {wanted}"
            continue
        own = {name: value for name, value in spec.options.items() if name != "steps"}
        known = {name: OPTIONS[wanted].get(name) for name in own}
        yield from _unlike(f"the transform's search by {wanted}", own, known)


def _unlike(of: str, options: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    for name in {**wanted, **options}:
        if options.get(name) != wanted.get(name):
            yield f"{name} of {of} is {options.get(name)} and not {wanted.get(name)}"


_DEFAULTS: Mapping[str, tuple[Any, ...]] = {
    "masked": ("eq7",),
    "resize": (None,),
    "truncation": (1.0,),
    "interpolation": ("package",),
    "compiled": (False, True),
    "low_pass": (True,),
    "prealigned": (True,),
    "norm": ("drawn",),
    "classifier": ("resnext101",),
    "noise": (0.5,),
}


def _given(spec: Spec) -> list[str]:
    """Options that are not the defaults of the plugins that the paper's protocol has."""
    return [name for name, value in spec.options.items() if value not in _DEFAULTS.get(name, ())]
