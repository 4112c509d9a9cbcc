"""The paper's numbers stand beside measured ones under the paper's protocol alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from p2lbench.experiments.catalogue import EXPERIMENTS
from p2lbench.experiments.comparable import Measured, Run, unlike_the_paper
from p2lbench.experiments.protocol import row
from p2lbench.options import resolve
from p2lbench.plugins import load
from p2lbench.spec import InitMap, Method, Named, Search, Spec, TransformChain, WeightedLoss

L1, ALEX = Spec("losses", "l1"), Spec("losses", "lpips-alex", {"masked": "eq7", "resize": None})
VGG = Spec("losses", "lpips-vgg", {"masked": "eq7", "resize": None})
GENERATOR = Spec(
    "generators",
    "biggan-deep-256",
    {"truncation": 1.0, "interpolation": "package", "compiled": False},
)
BASIN = Spec(
    "optimizers",
    "basincma",
    {
        "outer_steps": 30,
        "inner_steps": 30,
        "final_steps": 300,
        "lr": None,
        "sigma": 1.0,
        "population": None,
        "inherit": "points",
        "variant": "full",
    },
)
SEARCH = Search(Spec("optimizers", "cma"), Spec("optimizers", "adam"))
SPATIAL = Spec("transforms", "spatial", {"low_pass": True, "prealigned": True})
METHOD = Method(
    Named("g", GENERATOR),
    WeightedLoss("l", ((L1, 1.0), (ALEX, 10.0))),
    TransformChain("t", (SPATIAL, Spec("transforms", "color")), SEARCH),
    InitMap("i", (("class", Spec("inits", "ground-truth")),)),
    Named("o", BASIN),
)
PROTOCOL = "version: lpips 0.1.4, weights v0.1; reduction: x"
METRICS = {
    "l1": Measured(L1, ""),
    "l2": Measured(Spec("losses", "l2"), ""),
    "lpips-alex": Measured(ALEX, PROTOCOL),
    "lpips-vgg": Measured(VGG, PROTOCOL),
}
WEIGHTS = {"biggan-deep-256": "recorded", "lpips-alex": "published", "lpips-vgg": "published"}
RUN = Run(METHOD, 18, "paper", False, True, "hard", 0.3, (), METRICS, WEIGHTS)
WHOLE = EXPERIMENTS["table1"].rows[-1]


def changed(spec: Spec, **options: Any) -> Spec:
    return replace(spec, options={**spec.options, **options})


def with_method(**parts: Any) -> Run:
    return replace(RUN, method=replace(METHOD, **parts))


def test_the_papers_protocol_is_comparable() -> None:
    assert unlike_the_paper(RUN, WHOLE) == []


STEPS = changed(BASIN, outer_steps=10)
AUTHORS = changed(ALEX, masked="authors")
SHORT = replace(SEARCH, inner_steps=9)
FAST = replace(SEARCH, inner=Spec("optimizers", "adam", {"steps": 500, "lr": 0.5}))
OTHERWISE = replace(SEARCH, outer=Spec("optimizers", "nevergrad"))
CASES = {
    "generator": (
        with_method(generator=Named("g", Spec("generators", "biggan-fmnist"))),
        "the generator is not biggan-deep-256",
    ),
    "truncated": (
        with_method(generator=Named("g", changed(GENERATOR, truncation=0.5))),
        "the generator is not biggan-deep-256",
    ),
    "added": (
        replace(RUN, weights={**WEIGHTS, "biggan-deep-256": "added"}),
        "weights of biggan-deep-256 are not known to be the published ones (added)",
    ),
    "untold": (replace(RUN, weights={}), "does not tell whether the weights of biggan-deep-256"),
    "beta": (
        with_method(loss=WeightedLoss("l", ((L1, 1.0), (ALEX, 5.0)))),
        "the loss is not l1 + 10 lpips-alex",
    ),
    "masked": (
        with_method(loss=WeightedLoss("l", ((L1, 1.0), (AUTHORS, 10.0)))),
        "the loss is not l1 + 10 lpips-alex",
    ),
    "candidates": (replace(RUN, candidates=6), "there are 6 candidates and not 18"),
    "protocol": (replace(RUN, protocol="equal"), "protocol is equal and not paper"),
    "capped": (replace(RUN, capped=True), "a budget limits"),
    "roles": (replace(RUN, stated=("c",)), "roles or step sizes of c"),
    "unmasked": (replace(RUN, masked=False), "some image has no mask"),
    "scoring": (replace(RUN, scoring="soft"), "masks are scored soft and not hard"),
    "background": (replace(RUN, background=0.0), "background weighs 0 and not 0.3"),
    "no vgg": (
        replace(RUN, metrics={k: v for k, v in METRICS.items() if k != "lpips-vgg"}),
        "there is no metric lpips-vgg",
    ),
    "other alex": (
        replace(RUN, metrics={**METRICS, "lpips-alex": Measured(AUTHORS, PROTOCOL)}),
        "lpips-alex is not the metric of that name with default options",
    ),
    "another l1": (
        replace(RUN, metrics={**METRICS, "l1": Measured(Spec("losses", "mae"), "")}),
        "l1 is not the metric of that name",
    ),
    "lpips 0.0": (
        replace(RUN, metrics={**METRICS, "lpips-vgg": Measured(VGG, "weights v0.0")}),
        "lpips-vgg is not version 0.1",
    ),
    "trunk": (
        replace(RUN, weights={**WEIGHTS, "lpips-vgg": "added"}),
        "weights of lpips-vgg are not known",
    ),
    "steps": (with_method(optimizer=Named("o", STEPS)), "outer_steps of basincma is 10 and not 30"),
    "lr": (
        with_method(optimizer=Named("o", changed(BASIN, lr=0.1))),
        "lr of basincma is 0.1 and not None",
    ),
    "variant": (
        with_method(optimizer=Named("o", changed(BASIN, variant="vd"))),
        "variant of basincma is vd and not full",
    ),
    "new option": (
        with_method(optimizer=Named("o", changed(BASIN, more=1))),
        "more of basincma is 1 and not None",
    ),
    "rate of the search": (
        with_method(transform=replace(METHOD.transform, search=FAST)),
        "lr of the transform's search by adam is 0.5 and not None",
    ),
    "searched otherwise": (
        with_method(transform=replace(METHOD.transform, search=OTHERWISE)),
        "nevergrad searches the transform and not cma",
    ),
    "search": (
        with_method(transform=replace(METHOD.transform, search=SHORT)),
        "inner_steps of the transform's search is 9 and not 30",
    ),
    "no search": (
        with_method(transform=replace(METHOD.transform, search=None)),
        "the transform is not searched",
    ),
    "low pass": (
        with_method(
            transform=replace(
                METHOD.transform,
                parts=(changed(SPATIAL, low_pass=False), Spec("transforms", "color")),
            )
        ),
        "the transform has options of its own",
    ),
    "another row": (
        replace(with_method(transform=TransformChain("none")), scoring="soft"),
        "not the paper's method",
    ),
}


def test_a_gaussian_of_another_length_is_not_the_papers() -> None:
    wanted = EXPERIMENTS["table2"].rows[0]
    for norm, reasons in (("drawn", []), ("matched", ["the init has options of its own"])):
        init = InitMap("i", (("class", Spec("inits", "random-gaussian", {"norm": norm})),))
        adam = Spec("optimizers", "adam", dict(wanted.options))
        none = TransformChain("none")
        run = with_method(init=init, optimizer=Named("o", adam), transform=none)
        run = replace(run, scoring="soft")
        assert unlike_the_paper(run, wanted) == reasons


@pytest.mark.parametrize("case", CASES)
def test_each_condition_silences_it(case: str) -> None:
    run, why = CASES[case]
    reasons = unlike_the_paper(run, WHOLE)
    assert len(reasons) == (3 if case == "untold" else 1), reasons
    assert why in reasons[0]


def test_every_row_of_the_paper_has_its_steps() -> None:
    registry = load().registry
    for experiment in EXPERIMENTS.values():
        for one in experiment.rows:
            spec = resolve(registry, "optimizers", one.optimizer)
            assert dict(one.options) == dict(spec.options)  # the paper's steps are the defaults
    assert row("x", "adam").options["steps"] == 500
    assert row("x", "lbfgs").options["lr"] == 0.1
