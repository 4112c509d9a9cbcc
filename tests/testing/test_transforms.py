"""Each check of transforms passes honest ones, and catches one that breaks its promise."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from p2lbench.api import Transform
from p2lbench.testing import Check, NotApplicable, Violation, checks
from p2lbench.transforms.compose import Composed
from p2lbench.transforms.none import NoTransform


class Shift(Transform):
    """Honest: moves images by phi = (x, y)."""

    dim = 2

    def __init__(self, reach: float = 0.3) -> None:
        if reach <= 0:
            raise ValueError(f"reach: expected above 0, got {reach}")
        self.reach = reach

    @property
    def scale(self) -> tuple[float, ...]:
        return (self.reach, self.reach)

    def identity(self) -> Any:
        return torch.zeros(2)

    def apply(self, images: Any, phi: Any) -> Any:
        n = len(phi)
        matrix = torch.cat([torch.eye(2).expand(n, 2, 2), -phi[:, :, None]], dim=2)
        images = images.expand(n, -1, -1, -1)
        grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, padding_mode="border", align_corners=False)

    def invert(self, images: Any, phi: Any) -> Any:
        return self.apply(images, -phi)


class Contrast(Transform):
    """Honest: of colours."""

    dim = 1

    @property
    def scale(self) -> tuple[float, ...]:
        return (0.2,)

    def identity(self) -> Any:
        return torch.zeros(1)

    def apply(self, images: Any, phi: Any) -> Any:
        images = images.expand(len(phi), -1, -1, -1)
        return images * phi.exp()[:, :, None, None] if images.shape[1] == 3 else images

    def invert(self, images: Any, phi: Any) -> Any:
        return self.apply(images, -phi)


class Centred(Shift):
    """Honest: not searched."""

    searched = False

    def initial(self, mask: Any, generator: Any) -> Any:
        return torch.tensor([0.1, 0.1])


HONEST = {
    "shift": Shift,
    "contrast": Contrast,
    "centred": Centred,
    "none": NoTransform,
    "shift+contrast": lambda: Composed([Shift(), Contrast()]),
}


def changed(**members: Any) -> Any:
    return type("Changed", (Shift,), members)


def inverse(reach: float = 1.0) -> Transform:
    return Shift(abs(1 / reach))


class Unpicklable(Shift):
    def __init__(self) -> None:
        super().__init__()
        self.warp = lambda x: x


class Tints(Contrast):
    """Changes masks as if they were images."""

    def apply(self, images: Any, phi: Any) -> Any:
        return images * phi.exp()[:, :, None, None]


def first_phi(self: Any, images: Any, phi: Any) -> Any:
    return Shift.apply(self, images, phi[:1].expand_as(phi))


def detached(self: Any, images: Any, phi: Any) -> Any:
    return Shift.apply(self, images, phi.detach())


def in_place(self: Any, images: Any, phi: Any) -> Any:
    return Shift.apply(self, images, phi.add_(0))


def trembling(self: Any, images: Any, phi: Any) -> Any:
    return Shift.apply(self, images, phi) + 1e-5 * torch.rand(1)


def overshooting(self: Any, images: Any, phi: Any) -> Any:
    made = Shift.apply(self, images, phi)
    return made * 1.2 if images.shape[1] == 1 else made


def exploding(self: Any, images: Any, phi: Any) -> Any:
    return Shift.apply(self, images, phi) / (phi.abs().amax() < 1)


BROKEN: list[tuple[str, Any, str]] = [
    ("made", dict, "p2lbench.api.Transform; got dict"),
    ("options", type("Any_", (Shift,), {"__init__": lambda self, x=1: None}), "has no type"),
    ("nonsense", inverse, "reach=0 to work, or a ValueError"),
    ("pickle", Unpicklable, "pickle.loads"),
    ("dim", changed(dim=3), "scale: 3 numbers"),
    ("dim", changed(scale=(0.3, 0.0)), "above 0"),
    ("dim", changed(identity=lambda self: torch.zeros(1, 2)), r"\(2,\) from identity"),
    ("dim", changed(initial=lambda self, m, g: torch.tensor([0.0, torch.nan])), "from initial"),
    ("dim", changed(initial=lambda self, m, g: m.zero_().new_zeros(2)), "mask as they were"),
    ("identity", changed(identity=lambda self: torch.full((2,), 0.1)), "to be the images"),
    ("shape", changed(invert=lambda self, x, phi: x), r"float32 \(3, 3, 32, 48\)"),
    ("shape", changed(apply=exploding), "far from the identity"),
    ("inverse", changed(invert=Shift.apply), "nearer to the images"),
    ("rows", changed(apply=first_phi), "alone and among four"),
    ("masks", Tints, "in \\[0, 1\\]|to stay so in the middle"),
    ("masks", changed(apply=overshooting), r"masks in \[0, 1\]"),
    ("gradient", changed(apply=detached), "apply by phi to be differentiable"),
    ("gradient", changed(invert=lambda s, x, p: Shift.invert(s, x.detach(), p)), "invert by its"),
    ("same", changed(apply=in_place), "phi as they were given"),
    ("same", changed(apply=trembling), "from a second call"),
    ("same", changed(apply=lambda s, x, p: Shift.apply(s, x, p + 0 * torch.rand(1))), "global"),
]


@pytest.mark.parametrize("name", HONEST)
@pytest.mark.parametrize("check", checks("transform"), ids=str)
def test_honest_transforms_pass(check: Check, name: str) -> None:
    check(HONEST[name])


@pytest.mark.parametrize(("name", "factory", "message"), BROKEN)
def test_a_broken_promise_is_caught(name: str, factory: Any, message: str) -> None:
    check = {check.id: check for check in checks("transform")}[name]
    with pytest.raises(Violation, match=message):
        check(factory)


def test_every_check_has_something_that_it_catches() -> None:
    assert {name for name, _, _ in BROKEN} == {check.id for check in checks("transform")}


def test_gradients_do_not_apply_without_parameters() -> None:
    check = {check.id: check for check in checks("transform")}["gradient"]
    with pytest.raises(NotApplicable, match="no parameters"):
        check(NoTransform)
