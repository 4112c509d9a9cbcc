"""Each check of losses and metrics passes honest ones, and catches what breaks its promise."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from p2lbench.api import Loss
from p2lbench.testing import Check, Violation, checks


class Smooth(Loss):
    """Honest: a smooth absolute error, averaged over the mask."""

    protocol = {"reduction": "per image: mean over the mask"}  # noqa: RUF012

    def __init__(self, eps: float = 0.01) -> None:
        if eps <= 0:
            raise ValueError(f"eps: expected above 0, got {eps}")
        self.eps = eps

    def __call__(self, images: Any, prepared: Any) -> Any:
        error = ((images - prepared["target"]) ** 2 + self.eps**2).sqrt()
        return (error * prepared["mask"]).sum((1, 2, 3)) / prepared["mask"].sum((1, 2, 3))


class Likeness(Smooth):
    """Honest: the other way round."""

    objective = False
    higher_is_better = True

    def __call__(self, images: Any, prepared: Any) -> Any:
        return 1 - super().__call__(images, prepared)


class Coarse(Smooth):
    """Honest: takes images from 4 pixels on."""

    min_size = 4


def inverse(eps: float = 1.0) -> Loss:
    return Smooth(abs(1 / eps))


def calling(call: Any, **members: Any) -> Any:
    """The honest one, called in another way."""
    return type("Changed", (Smooth,), {"__call__": call, **members})


def preparing(prepare: Any) -> Any:
    """The honest one, prepared in another way."""
    return type("Changed", (Smooth,), {"prepare": prepare})


def error(images: Any, prepared: Any) -> Any:
    return (images - prepared["target"]).abs() * prepared["mask"]


class Learnt(Smooth):
    """A network that is not frozen, and not seeded."""

    network = "learnt"

    def load(self, device: Any) -> None:
        self.net = nn.Conv2d(3, 3, 1)

    def __call__(self, images: Any, prepared: Any) -> Any:
        given = {**prepared, "target": self.net(prepared["target"])}
        return super().__call__(self.net(images), given)


class Unpicklable(Smooth):
    def __init__(self) -> None:
        super().__init__()
        self.act = lambda x: x


class Restless(Smooth):
    calls = 0

    def __call__(self, images: Any, prepared: Any) -> Any:
        self.calls += 1
        return self.calls * super().__call__(images, prepared)


class LoadsTwice(Smooth):
    scale = 1.0

    def load(self, device: Any) -> None:
        self.scale *= 2

    def __call__(self, images: Any, prepared: Any) -> Any:
        return self.scale * super().__call__(images, prepared)


def scribble_on_target(self: Any, targets: Any, masks: Any) -> Any:
    return {"target": targets.clamp_(-0.1, 0.1), "mask": masks}


def scribble_on_images(self: Any, images: Any, prepared: Any) -> Any:
    return Smooth.__call__(self, images.clamp_(-0.1, 0.1), prepared)


def root(self: Any, images: Any, prepared: Any) -> Any:
    squares = (images - prepared["target"]) ** 2 * prepared["mask"]
    return (squares.sum((1, 2, 3)) / prepared["mask"].sum((1, 2, 3))).sqrt()


def over_a_thousandth(self: Any, images: Any, prepared: Any) -> Any:
    whole = prepared["mask"].mean((1, 2, 3)) > 0.001
    return error(images, prepared).sum((1, 2, 3)) / whole.float()


def unmasked(self: Any, images: Any, prepared: Any) -> Any:
    return (images - prepared["target"]).abs().mean((1, 2, 3)) + 0 * prepared["mask"].mean()


BROKEN: list[tuple[str, str, Any, str]] = [
    ("loss", "made", nn.L1Loss, "p2lbench.api.Loss; got L1Loss"),
    ("loss", "options", type("Any_", (Smooth,), {"__init__": lambda self, x=1: None}), "no type"),
    ("loss", "nonsense", inverse, "eps=0 to work, or a ValueError"),
    ("loss", "pickle", Unpicklable, "pickle.loads"),
    ("loss", "values", calling(lambda s, x, p: error(x, p).mean()), r"shape \(1,\)"),
    ("loss", "values", calling(lambda s, x, p: (error(x, p) - 5).log().sum((1, 2, 3))), "finite"),
    ("loss", "prepare", preparing(lambda s, t, m: (t, m)), "a mapping"),
    ("loss", "prepare", preparing(lambda s, t, m: {"target": t[0], "mask": m}), "first|tensor"),
    ("loss", "rows", calling(lambda s, x, p: error(x - x.mean(0), p).sum((1, 2, 3))), "among four"),
    ("loss", "target", calling(lambda s, x, p: -Smooth.__call__(s, x, p)), "the target with noise"),
    ("loss", "target", calling(lambda s, x, p: 0 * error(x, p).sum((1, 2, 3))), "same for all"),
    ("metric", "target", type("Wrong", (Likeness,), {"higher_is_better": False}), "higher_is"),
    ("loss", "mask", calling(unmasked), "noise inside the mask to"),
    ("loss", "far", calling(unmasked), "the same number"),
    ("loss", "tiny-mask", calling(over_a_thousandth), "finite numbers"),
    ("loss", "untouched", preparing(scribble_on_target), "targets as they were"),
    ("loss", "untouched", calling(scribble_on_images), "images as they were"),
    ("loss", "untouched", Learnt, "no gradient to the weights"),
    ("loss", "refuses", preparing(lambda s, t, m: {"target": t, "mask": m}), "targets of one"),
    ("loss", "min-size", calling(lambda s, x, p: error(x, p)[:, :, 1:].mean((1, 2, 3))), "finite"),
    (
        "loss",
        "min-size",
        type("Unread", (Coarse,), {"prepare": lambda s, t, m: {"target": t, "mask": m}}),
        "images of 3 pixels",
    ),
    ("loss", "same", calling(lambda s, x, p: error(x, p).sum((1, 2, 3)) + torch.rand(1)), "global"),
    ("loss", "same", Restless, "from a second call"),
    ("loss", "same", LoadsTwice, "after load was called again"),
    ("loss", "gradient", calling(lambda s, x, p: error(x.detach(), p).sum((1, 2, 3))), "differ"),
    ("loss", "gradient", calling(root), "at the target itself"),
    ("loss", "gradient", Likeness, "objective = True"),
    ("metric", "protocol", type("Silent", (Likeness,), {"protocol": Loss.protocol}), "of its own"),
    ("metric", "protocol", type("Odd", (Likeness,), {"protocol": {"colour": "x"}}), "colour"),
]


@pytest.mark.parametrize(
    ("kind", "factory"), [("loss", Smooth), ("metric", Likeness), ("metric", Smooth)]
)
@pytest.mark.parametrize("name", [check.id for check in checks("loss") + checks("metric")])
def test_honest_losses_pass(kind: str, factory: Any, name: str) -> None:
    table = {check.id: check for check in checks(kind)}
    if name in table:
        table[name](factory)


@pytest.mark.parametrize("check", checks("loss"), ids=str)
def test_what_takes_larger_images_passes(check: Check) -> None:
    check(Coarse)


@pytest.mark.parametrize(("kind", "name", "factory", "message"), BROKEN)
def test_a_broken_promise_is_caught(kind: str, name: str, factory: Any, message: str) -> None:
    check = {check.id: check for check in checks(kind)}[name]
    with pytest.raises(Violation, match=message):
        check(factory)


def test_every_check_has_something_that_it_catches() -> None:
    known = {check.id for kind in ("loss", "metric") for check in checks(kind)}
    assert {name for _, name, _, _ in BROKEN} == known
