"""What every generator promises."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from p2lbench.generators.base import Generator
from p2lbench.space import ROLES, Space, Variable
from p2lbench.testing.check import Factory, Kit, Violation, does_not_apply
from p2lbench.testing.common import add_common, build
from p2lbench.testing.sameness import other_global_states
from p2lbench.testing.tensors import apart, check_gradient, check_slope, clones, noise, unchanged

check = Kit("generator")
KITS = {"generator": check}
BATCHED = 1e-5  # what another batch may change, by the order of sums
BEYOND = 1e-3  # what an image may lie beyond [-1, 1]
add_common(check, "generators", Generator)


def _loaded(factory: Factory) -> Generator:
    generator: Generator = build(factory, Generator)
    generator.load("cpu")
    return generator


def _latents(generator: Generator, n: int, seed: int = 0) -> dict[str, Tensor]:
    """Draws from the prior, within the bounds."""
    space = Space(generator.variables)
    x = space.mean + space.std * noise(n, space.d, seed=seed)
    return space.split(x.clamp(space.low, space.high))


@torch.no_grad()
def _images(generator: Generator, latents: dict[str, Tensor]) -> Tensor:
    return generator.forward(**latents)


@check("variables", "its size and its variables are stated, and make sense")
def _variables(factory: Factory) -> None:
    generator = _loaded(factory)
    if min(generator.shape) < 1 or not all(isinstance(side, int) for side in generator.shape):
        raise Violation("size: (height, width) or one number, above 0", repr(generator.size))
    variables = tuple(generator.variables)
    if not variables or not all(isinstance(v, Variable) for v in variables):
        raise Violation("variables: a tuple of p2lbench.api.Variable", repr(variables))
    names = [v.name for v in variables]
    if len(set(names)) < len(names):
        raise Violation("variables of different names", ", ".join(names))
    for variable in variables:
        _check_variable(variable)
    stated = tuple(generator.variable_names)
    if stated and set(stated) != set(names):
        raise Violation(f"variable_names: {tuple(names)}, as its variables", repr(stated))


def _check_variable(v: Variable) -> None:
    own = Space([v])
    low, high = v.limits
    wrong = {
        "bound: a low end below its high end": not low < high,
        "shape: positive integers": not v.shape or any(n < 1 for n in v.shape),
        "std: above 0 and finite": not bool(((own.std > 0) & own.std.isfinite()).all()),
        "mean: finite, and within the bound": not bool(
            (own.mean.isfinite() & (own.mean >= low) & (own.mean <= high)).all()
        ),
        "step: above 0": not v.step > 0,
        f"role: one of {', '.join(ROLES)}": v.role not in ROLES,
    }
    for expected, broken in wrong.items():
        if broken:
            raise Violation(f"variable '{v.name}' with {expected}", repr(v))


@check("images", "it makes float32 images (n, 3, H, W) in [-1, 1]")
def _makes_images(factory: Factory) -> None:
    generator = _loaded(factory)
    space = Space(generator.variables)
    for n in (1, 3):
        _check_images(_images(generator, _latents(generator, n)), n, generator, "from the prior")
    for end in (space.low, space.high):
        x = torch.where(end.isfinite(), end, space.mean)[None]
        _check_images(_images(generator, space.split(x)), 1, generator, "at the bounds")


def _check_images(images: Any, n: int, generator: Generator, where: str) -> None:
    shape = (n, 3, *generator.shape)
    if not isinstance(images, Tensor) or images.dtype != torch.float32 or images.shape != shape:
        got = f"{images.dtype} {tuple(images.shape)}" if isinstance(images, Tensor) else images
        raise Violation(f"float32 images {shape}", str(got))
    if not bool(images.isfinite().all()):
        raise Violation(f"finite images {where}", "NaN or infinity")
    if float(images.abs().max()) > 1 + BEYOND:
        extent = f"{float(images.min()):.3g} to {float(images.max()):.3g}"
        raise Violation(f"images in [-1, 1] {where}", extent, "End with tanh, or rescale.")


@check("gradient", "its images have the gradient of what moves, by every variable")
def _gradient(factory: Factory) -> None:
    generator = _loaded(factory)
    latents = _latents(generator, 1)
    weights = noise(1, 3, *generator.shape, seed=9)
    for v in generator.variables:
        if v.role not in ("both", "gradient"):
            continue
        spread = Space([v]).std.reshape(1, *v.shape)

        # In units of the prior's spread, so that one step size of differences suits all.
        def terms(move: Tensor, name: str = v.name, spread: Tensor = spread) -> Tensor:
            moved = {**latents, name: latents[name] + spread * move}
            return generator.forward(**moved) * weights

        check_gradient(f"the images by '{v.name}'", terms, torch.zeros_like(latents[v.name]))


@check("rows", "an image does not depend on the others of its batch")
def _rows(factory: Factory) -> None:
    generator = _loaded(factory)
    latents = _latents(generator, 5)
    together = _images(generator, latents)
    for i in (0, 3):
        alone = _images(generator, {name: x[i : i + 1] for name, x in latents.items()})
        difference = apart(alone[0], together[i])
        if difference > BATCHED:
            raise Violation(
                f"the same image alone and among five, within {BATCHED:g}",
                f"a pixel that is {difference:.3g} apart",
                "Put the network into eval mode: batch normalisation must not use the batch.",
            )


@check("frozen", "its weights are frozen, and its arguments left as they were")
def _frozen(factory: Factory) -> None:
    generator = _loaded(factory)
    latents = _latents(generator, 2)
    with unchanged(**latents):
        images = generator.forward(**latents)
    if images.requires_grad:
        raise Violation(
            "no gradient to the weights",
            "images that require one though no latent does",
            "Call requires_grad_(False) on the network in load: it costs memory and time.",
        )


@check("parameters", "its images follow the weights that it names, and have their gradient")
def _parameters(factory: Factory) -> None:
    generator, other = _loaded(factory), _loaded(factory)
    named = dict(generator.parameters())
    if not named:
        does_not_apply("it names no weights: it cannot be fine-tuned")
    _check_weights(named)
    latents, base = _latents(generator, 2), clones(named)
    first, own = _images(generator, latents), _images(other, latents)
    sizes = {name: tensor.abs().mean() for name, tensor in base.items()}
    drift = {name: size * noise(1, *base[name].shape, seed=1)[0] for name, size in sizes.items()}
    weights = noise(*first.shape, seed=9)

    def terms(move: Tensor) -> Tensor:
        for name, tensor in named.items():
            tensor.copy_(base[name] + float(move) * drift[name])
        return generator.forward(**latents) * weights

    slope = _slope_by_weights(generator, named, latents, drift, weights)
    check_slope("the images by the weights", terms, torch.zeros(1), slope, torch.ones(1))
    _check_equal(own, _images(other, latents), "from an instance beside one whose weights moved")
    with torch.no_grad():
        terms(torch.zeros(1))
    _check_equal(first, _images(generator, latents), "after its weights were put back")


def _check_weights(named: dict[Any, Any]) -> None:
    for name, tensor in named.items():
        right = isinstance(name, str) and isinstance(tensor, Tensor)
        if not right or not tensor.is_leaf or tensor.dtype != torch.float32:
            got = f"{tensor.dtype}" if isinstance(tensor, Tensor) else type(tensor).__name__
            raise Violation("parameters(): names to float32 leaves", f"{name!r}: {got}")
        if not bool(tensor.isfinite().all()):
            raise Violation("finite weights", f"NaN or infinity in {name}")


def _slope_by_weights(
    generator: Generator,
    named: dict[str, Tensor],
    latents: dict[str, Tensor],
    drift: dict[str, Tensor],
    weights: Tensor,
) -> Tensor:
    """(1,): of the sum of weighted images, along the drift of all weights."""
    try:
        for tensor in named.values():
            tensor.requires_grad_(True)
        total = (generator.forward(**latents) * weights).sum()
        if not total.requires_grad:
            raise Violation(
                "images whose gradient reaches the weights",
                "none",
                "Name the tensors that forward uses as they stand, no copies; no torch.no_grad.",
            )
        found = torch.autograd.grad(total, [*named.values()], allow_unused=True)
    finally:
        for tensor in named.values():
            tensor.requires_grad_(False)
    slopes = zip(found, drift.values(), strict=True)
    return torch.stack([(g * d).sum() for g, d in slopes if g is not None]).sum()[None]


@check("same", "the same latents give the same images, in every process")
def _same(factory: Factory) -> None:
    generator = _loaded(factory)
    latents = _latents(generator, 2)
    first = _images(generator, latents)
    with other_global_states("others after forward"):
        _check_equal(first, _images(generator, clones(latents)), "from a second call")
    _check_equal(first, _images(_loaded(factory), latents), "from another instance")


@check("load", "loading it again changes nothing")
def _load(factory: Factory) -> None:
    generator = _loaded(factory)
    latents = _latents(generator, 2)
    first = _images(generator, latents)
    generator.load("cpu")
    _check_equal(first, _images(generator, latents), "after load was called again")


def _check_equal(a: Tensor, b: Tensor, when: str) -> None:
    if not torch.equal(a, b):
        raise Violation(
            f"the same images {when}",
            f"a pixel that is {apart(a, b):.3g} apart",
            "Draw no random numbers in forward, and seed those of load by a generator of your own.",
        )


@check("classes", "its classes have names, and vectors of the class variable's shape")
def _classes(factory: Factory) -> None:
    generator = _loaded(factory)
    if not generator.conditional:
        if generator.classes:
            raise Violation("conditional = True of a generator with classes", "False")
        does_not_apply("it is not conditional")
    names = tuple(generator.classes)
    if not names or len(set(names)) < len(names):
        raise Violation("classes: names that are all different", repr(names[:10]))
    ids = torch.tensor([0, len(names) - 1, 0])
    with unchanged(class_ids=ids):
        vectors = generator.embed(ids)
    shapes = {v.name: tuple(v.shape) for v in generator.variables if v.role == "gradient"}
    wanted = {"c": shapes["c"]} if "c" in shapes else shapes
    if tuple(vectors.shape[1:]) not in wanted.values() or len(vectors) != 3:
        raise Violation(f"class vectors (3, …) of the shape of one of {wanted}", str(vectors.shape))
    if not bool(vectors.isfinite().all()) or apart(vectors[0], vectors[2]) > 0:
        raise Violation("finite vectors, the same for the same class", "others")


@check("defaults", "its default loss and metrics can be written in a suite")
def _defaults(factory: Factory) -> None:
    generator = build(factory, Generator)
    loss = generator.default_loss
    weights = list(loss.values()) if loss else []
    if loss is not None and not (loss and all(weight > 0 for weight in weights)):
        raise Violation("default_loss: names with weights above 0, or None", repr(loss))
    metrics = generator.default_metrics
    if isinstance(metrics, str) or not all(isinstance(name, str) for name in metrics):
        raise Violation("default_metrics: a tuple of names", repr(metrics))
