"""The paper's settings (section 4 and appendix A): steps of each method, rows by their plugins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from p2lbench.experiments.model import Numbers, PaperRow

_ADAM: Mapping[str, Any] = {"lr": None, "final": "last", "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
_CMA: Mapping[str, Any] = {"sigma": 1.0, "population": None, "variant": "full"}
_ALONE: Mapping[str, Any] = {**_CMA, "final": "draw", "active": None, "repair": "clamp"}
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "adam": {"steps": 500, **_ADAM},
    "lbfgs": {
        "steps": 500,
        "lr": 0.1,
        "memory": 100,
        "tolerance_grad": 1e-7,
        "tolerance_change": 1e-9,
    },
    "cma": {"steps": 300, **_ALONE},
    "cma+adam": {"cma_steps": 100, "adam_steps": 500, "lr": None, **_CMA},
    "basincma": {
        "outer_steps": 30,
        "inner_steps": 30,
        "final_steps": 300,
        "lr": None,
        "inherit": "points",
        **_CMA,
    },
}
"""All options of each method: the paper's, and where it is silent the defaults."""
SEARCH: Mapping[str, Any] = {
    "outer_steps": 30,
    "inner_steps": 30,
    "sigma": 0.316,
    "redraw": "ema",
}
CANDIDATES = 18
GENERATOR = "biggan-deep-256"
LOSS: Mapping[str, float] = {"l1": 1, "lpips-alex": 10}
WHOLE = ("spatial", "color")
TRUE_CLASS = {"class": "ground-truth"}
ENCODED = {**TRUE_CLASS, "z": "encoder"}


def row(
    name: str,
    optimizer: str,
    transforms: tuple[str, ...] = (),
    inits: Mapping[str, str] | None = None,
    mean: Numbers | None = None,
    best: Numbers | None = None,
    minutes: float | None = None,
) -> PaperRow:
    """A row with the paper's steps; the true class if no init is given."""
    options = OPTIONS[optimizer]
    return PaperRow(name, optimizer, transforms, inits or TRUE_CLASS, options, mean, best, minutes)
