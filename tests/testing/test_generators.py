"""Each check of generators passes an honest one, and catches one that breaks its promise."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from torch import nn

from p2lbench.api import Generator, Variable
from p2lbench.testing import Check, NotApplicable, Violation, checks

Z = Variable("z", (4,), bound=2.0)
C = Variable("c", (2,), mean=torch.tensor([0.1, -0.1]), std=0.5, role="gradient")


class Tiny(Generator):
    """Honest: a linear map and a tanh, with two classes."""

    size = (8, 10)
    variables = (Z, C)
    variable_names = ("z", "c")
    conditional = True
    classes = ("a", "b")
    default_loss = {"l1": 1.0}  # noqa: RUF012

    def load(self, device: str) -> None:
        drawn = torch.Generator().manual_seed(7)
        self.map = torch.randn(6, 240, generator=drawn).mul(0.3).to(device)

    def forward(self, z: Any, c: Any) -> Any:
        return torch.tanh(torch.cat([z, c], 1) @ self.map).view(-1, 3, 8, 10)

    def embed(self, class_ids: Any) -> Any:
        return torch.eye(2)[class_ids]


class Unconditional(Tiny):
    conditional = False
    classes = ()


def changed(**members: Any) -> Any:
    """The honest one with other members."""
    return type("Changed", (Tiny,), members)


def after(change: Any) -> Any:
    """The honest one whose images go through something more."""

    def forward(self: Any, z: Any, c: Any) -> Any:
        return change(Tiny.forward(self, z, c))

    return changed(forward=forward)


class Network(Tiny):
    """A network whose weights are neither frozen nor seeded."""

    frozen, seeded = True, True

    def load(self, device: str) -> None:
        if self.seeded:
            torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(6, 240), nn.Tanh())
        self.net.requires_grad_(not self.frozen)

    def forward(self, z: Any, c: Any) -> Any:
        return self.net(torch.cat([z, c], 1)).view(-1, 3, 8, 10)


class InTrainingMode(Tiny):
    def forward(self, z: Any, c: Any) -> Any:
        images = super().forward(z, c)
        return (images - images.mean(0, keepdim=True)).clamp(-1, 1)


class ScalesInPlace(Tiny):
    def forward(self, z: Any, c: Any) -> Any:
        with torch.no_grad():
            z.mul_(0.5)
        return super().forward(z, c)


class Noisy(Tiny):
    def forward(self, z: Any, c: Any) -> Any:
        return (super().forward(z, c) + 0.01 * torch.rand(1)).clamp(-1, 1)


class LoadsTwice(Tiny):
    scale = 1.0

    def load(self, device: str) -> None:
        super().load(device)
        self.scale *= 2
        self.map = self.map * self.scale


class Unpicklable(Tiny):
    def __init__(self) -> None:
        self.act = lambda x: x


class Divides(Tiny):
    def __init__(self, parts: int = 2) -> None:
        self.width = 8 / parts


class Linear(Network):
    """Its weights may be fine-tuned."""

    def parameters(self) -> dict[str, Any]:
        return dict(self.net.named_parameters())


def naming(name: Any) -> Any:
    """The network with other weights named."""
    return type("Named", (Network,), {"parameters": name})


def squared(self: Any, z: Any, c: Any) -> Any:
    weight = self.net[0].weight
    weight = weight + (weight**2).detach()
    return torch.tanh(torch.cat([z, c], 1) @ weight.T).view(-1, 3, 8, 10)


SHARED = nn.Linear(6, 240).requires_grad_(False)


def shared(self: Any, device: str) -> None:
    self.net = nn.Sequential(SHARED, nn.Tanh())


def halves_bad_variables(**wrong: Any) -> Any:
    return changed(variables=(Variable("z", (4,), **wrong), C))


BROKEN: list[tuple[str, Any, str]] = [
    ("made", nn.Linear, "missing"),
    ("made", functools.partial(nn.Linear, 2, 2), "p2lbench.api.Generator; got Linear"),
    ("options", type("Any_", (Tiny,), {"__init__": lambda self, x=1: None}), "has no type"),
    ("nonsense", Divides, "parts=0 to work, or a ValueError"),
    ("pickle", Unpicklable, "pickle.loads"),
    ("variables", changed(size=0), "size: "),
    ("variables", changed(variables=(Z, Z)), "different names"),
    ("variables", changed(variables=()), "a tuple of"),
    ("variables", changed(variable_names=("w",)), "variable_names"),
    ("variables", halves_bad_variables(std=0.0), "std: above 0"),
    ("variables", halves_bad_variables(mean=3.0, bound=2.0), "within the bound"),
    ("variables", halves_bad_variables(bound=(1.0, -1.0)), "low end below"),
    ("variables", halves_bad_variables(step=0.0), "step: above 0"),
    ("variables", halves_bad_variables(role="none"), "role: one of"),
    ("images", after(lambda x: x[:, :1]), r"images \(1, 3, 8, 10\)"),
    ("images", after(lambda x: x.transpose(2, 3)), r"images \(1, 3, 8, 10\)"),
    ("images", after(lambda x: x.double()), "got torch.float64"),
    ("images", after(lambda x: (x + 1) * 127.5), r"in \[-1, 1\]"),
    ("images", after(lambda x: x.log()), "finite images"),
    ("gradient", after(lambda x: x.detach()), "to be differentiable"),
    ("gradient", after(lambda x: (x * 9).round() / 9), "to be its slope"),
    ("gradient", after(lambda x: x.detach() + 0 * x), "to be its slope"),
    ("rows", InTrainingMode, "alone and among five"),
    ("frozen", type("Thawed", (Network,), {"frozen": False}), "no gradient to the weights"),
    ("frozen", ScalesInPlace, "z as they were given"),
    ("same", Noisy, "from a second call"),
    ("same", after(lambda images: images + 0 * torch.rand(1)), "others after forward"),
    ("same", type("Unseeded", (Network,), {"seeded": False}), "from another instance"),
    ("load", LoadsTwice, "after load was called again"),
    ("parameters", naming(lambda self: {"w": 3.0}), "float32 leaves; got 'w': float"),
    ("parameters", naming(lambda self: {"w": self.net[0].weight.double()}), "got 'w': torch.flo"),
    ("parameters", naming(lambda self: {"w": self.net[0].weight.clone()}), "reaches the weights"),
    ("parameters", type("Detached", (Linear,), {"forward": squared}), "to be its slope"),
    ("parameters", type("Shared", (Linear,), {"load": shared}), "an instance beside one"),
    ("classes", changed(conditional=False), "conditional = True"),
    ("classes", changed(classes=("a", "a")), "all different"),
    ("classes", changed(embed=lambda self, ids: torch.eye(3)[ids]), "class vectors"),
    ("classes", changed(embed=lambda self, ids: torch.rand(len(ids), 2)), "same class"),
    ("defaults", changed(default_loss={}), "default_loss"),
    ("defaults", changed(default_metrics="l1"), "default_metrics"),
]


@pytest.mark.parametrize("factory", [Tiny, Unconditional, Network, Linear])
@pytest.mark.parametrize("check", checks("generator"), ids=str)
def test_honest_generators_pass(check: Check, factory: Any) -> None:
    if check.id == "parameters" and not issubclass(factory, Network):
        with pytest.raises(NotApplicable, match="names no weights"):
            check(factory)
    else:
        check(factory)


@pytest.mark.parametrize(("name", "factory", "message"), BROKEN)
def test_a_broken_promise_is_caught(name: str, factory: Any, message: str) -> None:
    check = {check.id: check for check in checks("generator")}[name]
    with pytest.raises(Violation, match=message):
        check(factory)


def test_every_check_has_something_that_it_catches() -> None:
    assert {name for name, _, _ in BROKEN} == {check.id for check in checks("generator")}


def test_classes_of_an_unconditional_generator_do_not_apply() -> None:
    check = {check.id: check for check in checks("generator")}["classes"]
    with pytest.raises(NotApplicable, match="not conditional"):
        check(Unconditional)
