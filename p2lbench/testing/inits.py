"""What every init promises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from p2lbench.errors import Skip
from p2lbench.generators.base import Generator
from p2lbench.inits.base import Init
from p2lbench.space import Variable
from p2lbench.testing.check import Factory, Kit, Violation, does_not_apply
from p2lbench.testing.common import add_common, build, same
from p2lbench.testing.sameness import other_global_states
from p2lbench.testing.tensors import noise, smooth_images, unchanged

check = Kit("init")
KITS = {"init": check}
SIDE, CLASSES, CLASS = 32, 10, 3
add_common(check, "inits", Init)


class _Conditional(Generator):
    """A generator of ten classes: z (6,) and a class vector c (4,)."""

    size = SIDE
    conditional = True
    classes = tuple(f"class {k}" for k in range(CLASSES))
    default_loss = {"l1": 1.0}  # noqa: RUF012 (never changed)

    def __init__(self) -> None:
        vectors = noise(CLASSES, 4)
        self._vectors = vectors
        self.variables = (
            Variable("z", (6,), bound=2.0),
            Variable("c", (4,), vectors.mean(0), vectors.std(0), step=1e-4, role="gradient"),
        )

    def embed(self, class_ids: Tensor) -> Tensor:
        return self._vectors[class_ids]

    def forward(self, **latents: Tensor) -> Tensor:
        colours = torch.tanh(latents["z"][:, :3] + latents["c"][:, :3])
        return colours[:, :, None, None].expand(-1, -1, SIDE, SIDE)


class _Unconditional(_Conditional):
    conditional = False
    classes = ()

    def __init__(self) -> None:
        super().__init__()
        self.variables = (Variable("z", (6,), bound=2.0), Variable("c", (4,)))

    def embed(self, class_ids: Tensor) -> Tensor:
        raise NotImplementedError("it has no classes")


def _loaded(factory: Factory, class_id: int | None = CLASS) -> Init:
    init: Init = build(factory, Init)
    init.load("cpu")
    init.class_id = class_id
    return init


def _distribution(init: Init, generator: Generator, seed: int = 0) -> dict[str, Any]:
    target, mask = smooth_images(1, SIDE, SIDE), torch.ones(1, 1, SIDE, SIDE)
    mask[..., :8, :] = 0
    with unchanged(target=target, mask=mask):
        given = init.distribution(target, mask, generator, np.random.default_rng(seed))
    if not isinstance(given, Mapping):
        raise Violation("a mapping: variable → (mean, deviation)", type(given).__name__)
    return {name: tuple(pair) for name, pair in given.items()}


@check("distribution", "a mean and a deviation of the right shapes, for variables that exist")
def _shapes(factory: Factory) -> None:
    generator = _Conditional()
    shapes = {v.name: tuple(v.shape) for v in generator.variables}
    for name, pair in _distribution(_loaded(factory), generator).items():
        if name not in shapes:
            raise Violation(
                f"variables of the generator's: {', '.join(shapes)}",
                f"'{name}'",
                "Raise p2lbench.api.Skip if the generator lacks what the init is for.",
            )
        if len(pair) != 2:
            raise Violation(f"(mean, deviation) for '{name}'", f"{len(pair)} values")
        _check_pair(name, shapes[name], *pair)


def _check_pair(name: str, shape: tuple[int, ...], mean: Any, deviation: Any) -> None:
    expected = f"'{name}' with a finite mean and a deviation, numbers or tensors {shape}"
    for value in (mean, deviation):
        tensor = torch.as_tensor(value, dtype=torch.float32)
        if tuple(tensor.shape) not in ((), shape):
            raise Violation(expected, f"a tensor {tuple(tensor.shape)}")
        if not bool(tensor.isfinite().all()):
            raise Violation(expected, "NaN or infinity")
    if not bool((torch.as_tensor(deviation) >= 0).all()):
        raise Violation(f"a deviation of '{name}' of 0 or more", "a negative one")


@check("seed", "the same rng gives the same distribution, whatever the global random states")
def _seed(factory: Factory) -> None:
    generator = _Conditional()
    first = _distribution(_loaded(factory), generator)
    with other_global_states(advice="Draw from rng alone."):
        second = _distribution(_loaded(factory), generator)
    if not same(first, second):
        raise Violation(
            "the same distribution twice with one rng", "another one", "Draw from rng alone."
        )


@check("again", "a second target, or loading again, changes nothing for the first")
def _again(factory: Factory) -> None:
    generator, init = _Conditional(), _loaded(factory)
    first = _distribution(init, generator)
    init.class_id = (CLASS + 1) % CLASSES
    _distribution(init, generator, seed=1)
    init.load("cpu")
    init.class_id = CLASS
    if not same(first, _distribution(init, generator)):
        raise Violation("the same distribution as before", "another one", "Keep no state.")


@check("untouched", "the generator's variables are left as they were")
def _untouched(factory: Factory) -> None:
    generator, untouched = _Conditional(), _Conditional()
    _distribution(_loaded(factory), generator)
    if not same(vars(generator), vars(untouched)):
        raise Violation("the generator as it was", "another one", "Clone v.mean and v.std first.")


@check("no-class", "an image without a class is served, or refused by needs_class or Skip")
def _no_class(factory: Factory) -> None:
    init = _loaded(factory, class_id=None)
    if init.needs_class:
        does_not_apply("it declares needs_class")
    _serve(init, _Conditional())


@check("no-classes", "a generator without classes is served, or refused by Skip")
def _no_classes(factory: Factory) -> None:
    _serve(_loaded(factory, class_id=None), _Unconditional())


def _serve(init: Init, generator: Generator) -> None:
    try:
        _distribution(init, generator)
    except Skip:
        return
