"""Each check of inits passes honest ones, and catches one that breaks its promise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from p2lbench.api import Init, Skip
from p2lbench.testing import Check, NotApplicable, Violation, checks


class Narrow(Init):
    """Honest: nearer to the prior's mean."""

    def __init__(self, factor: float = 0.5) -> None:
        if factor < 0:
            raise ValueError(f"factor: expected at least 0, got {factor}")
        self.factor = factor

    def distribution(self, target: Any, mask: Any, generator: Any, rng: Any) -> Any:
        return {v.name: (v.mean, self.factor * v.std) for v in generator.variables}


class RandomClass(Init):
    """Honest: a class by the cell's generator."""

    def distribution(self, target: Any, mask: Any, generator: Any, rng: Any) -> Any:
        if not generator.conditional:
            raise Skip("the generator has no classes")
        drawn = int(rng.integers(len(generator.classes)))
        return {"c": (generator.embed(torch.tensor([drawn]))[0], 0.0)}


class Given(Init):
    """Honest: needs the class."""

    needs_class = True

    def distribution(self, target: Any, mask: Any, generator: Any, rng: Any) -> Any:
        if not generator.conditional or self.class_id is None:
            raise Skip("no class")
        return {"c": (generator.embed(torch.tensor([self.class_id]))[0], 0.0)}


def saying(distribution: Any, **members: Any) -> Any:
    return type("Changed", (Narrow,), {"distribution": distribution, **members})


def wanting(name: str, mean: Any, deviation: Any = 0.0) -> Any:
    return saying(lambda self, target, mask, generator, rng: {name: (mean, deviation)})


def inverse(factor: float = 1.0) -> Init:
    return Narrow(abs(1 / factor))


class Unpicklable(Narrow):
    def __init__(self) -> None:
        super().__init__()
        self.encode = lambda x: x


class Unseeded(Narrow):
    def distribution(self, target: Any, mask: Any, generator: Any, rng: Any) -> Any:
        return {"z": (torch.from_numpy(np.random.default_rng().random(6)), 0.0)}


class Global(Narrow):
    def distribution(self, target: Any, mask: Any, generator: Any, rng: Any) -> Any:
        return {"z": (torch.rand(6), 0.0)}


class Learns(Narrow):
    targets = 0

    def distribution(self, target: Any, mask: Any, generator: Any, rng: Any) -> Any:
        self.targets += 1
        return {"z": (torch.zeros(6), 1 / self.targets)}


class Scribbles(Narrow):
    def distribution(self, target: Any, mask: Any, generator: Any, rng: Any) -> Any:
        generator.variables[1].mean.mul_(0.5)
        return super().distribution(target, mask, generator, rng)


def needs(self: Any, target: Any, mask: Any, generator: Any, rng: Any) -> Any:
    return {"c": (generator.embed(torch.tensor([self.class_id]))[0], 0.0)}


def first_class(self: Any, target: Any, mask: Any, generator: Any, rng: Any) -> Any:
    return {"c": (generator.embed(torch.tensor([0]))[0], 0.0)}


def paints(self: Any, target: Any, mask: Any, generator: Any, rng: Any) -> Any:
    target.zero_()
    return {}


BROKEN: list[tuple[str, Any, str]] = [
    ("made", dict, "p2lbench.api.Init; got dict"),
    ("options", type("Any_", (Narrow,), {"__init__": lambda self, x=1: None}), "has no type"),
    ("nonsense", inverse, "factor=0 to work, or a ValueError"),
    ("pickle", Unpicklable, "pickle.loads"),
    ("distribution", saying(lambda *_: [1]), "a mapping"),
    ("distribution", wanting("w", torch.zeros(6)), "variables of the generator's: z, c; got 'w'"),
    ("distribution", wanting("z", torch.zeros(1, 6)), r"got a tensor \(1, 6\)"),
    ("distribution", wanting("z", torch.zeros(6), -1.0), "a negative one"),
    ("distribution", wanting("z", torch.full((6,), torch.nan)), "NaN"),
    ("distribution", saying(paints), "target as they were given"),
    ("seed", Unseeded, "twice with one rng"),
    ("seed", Global, "global random states"),
    ("again", Learns, "distribution as before"),
    ("untouched", Scribbles, "the generator as it was"),
    ("no-class", saying(needs), "it to work; got"),
    ("no-classes", saying(first_class), "NotImplementedError: it has no classes"),
]


@pytest.mark.parametrize("factory", [Narrow, RandomClass, Given])
@pytest.mark.parametrize("check", checks("init"), ids=str)
def test_honest_inits_pass(check: Check, factory: Any) -> None:
    check(factory)


@pytest.mark.parametrize(("name", "factory", "message"), BROKEN)
def test_a_broken_promise_is_caught(name: str, factory: Any, message: str) -> None:
    check = {check.id: check for check in checks("init")}[name]
    with pytest.raises(Violation, match=message):
        check(factory)


def test_every_check_has_something_that_it_catches() -> None:
    assert {name for name, _, _ in BROKEN} == {check.id for check in checks("init")}


def test_what_needs_a_class_is_not_asked_without_one() -> None:
    check = {check.id: check for check in checks("init")}["no-class"]
    with pytest.raises(NotApplicable, match="needs_class"):
        check(Given)
