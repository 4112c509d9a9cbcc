"""What every transform promises."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from p2lbench.generators.base import Generator, ObjectStats
from p2lbench.testing.check import Factory, Kit, Violation, does_not_apply
from p2lbench.testing.common import add_common, build
from p2lbench.testing.sameness import other_global_states
from p2lbench.testing.tensors import apart, check_gradient, noise, smooth_images, unchanged
from p2lbench.transforms.base import Transform

check = Kit("transform")
KITS = {"transform": check}
HEIGHT, WIDTH = 32, 48
SMALL = 0.2  # of a transform's scale
EXACT = 1e-4
add_common(check, "transforms", Transform)


class _View(Generator):
    """What a transform may ask a generator: where its objects are."""

    size = (HEIGHT, WIDTH)
    object_stats = ObjectStats((0.5, 0.5), (0.6, 0.4))


def _transform(factory: Factory) -> Transform:
    transform: Transform = build(factory, Transform)
    if transform.needs_truth:
        does_not_apply("it is what the suite says of each image")
    return transform


def _phi(transform: Transform, n: int, scale: float = SMALL, seed: int = 0) -> Tensor:
    """(n, dim) small parameters around the identity."""
    spread = torch.tensor(transform.scale, dtype=torch.float32).reshape(-1)
    drawn = noise(n, transform.dim, seed=seed).clamp(-2, 2)
    return transform.identity() + scale * spread * drawn


def _images(n: int = 1) -> Tensor:
    return smooth_images(n, HEIGHT, WIDTH)


def _middle(images: Tensor) -> Tensor:
    """Where borders do not matter."""
    height, width = images.shape[-2:]
    return images[..., height // 4 : -height // 4, width // 4 : -width // 4]


@check("dim", "dim, identity, initial and scale agree")
def _dim(factory: Factory) -> None:
    transform = _transform(factory)
    dim, scale = transform.dim, tuple(transform.scale)
    if not isinstance(dim, int) or isinstance(dim, bool) or dim < 0:
        raise Violation("dim: a number of parameters, 0 or more", repr(dim))
    if len(scale) != dim or not all(math.isfinite(unit) and unit > 0 for unit in scale):
        raise Violation(f"scale: {dim} numbers above 0", repr(scale))
    _check_phi("identity()", transform.identity(), dim)
    mask = torch.zeros(1, 1, HEIGHT, WIDTH)
    mask[..., 4:20, 10:30] = 1
    for given in (mask, torch.ones_like(mask)):
        with unchanged(mask=given):
            _check_phi("initial(mask, generator)", transform.initial(given, _View()), dim)


def _check_phi(what: str, phi: Any, dim: int) -> None:
    expected = f"finite float32 parameters ({dim},) from {what}"
    if not isinstance(phi, Tensor) or tuple(phi.shape) != (dim,) or phi.dtype != torch.float32:
        got = f"{phi.dtype} {tuple(phi.shape)}" if isinstance(phi, Tensor) else type(phi).__name__
        raise Violation(expected, got)
    if not bool(phi.isfinite().all()):
        raise Violation(expected, str(phi.tolist()))


@check("identity", "the identity changes nothing, either way")
def _identity(factory: Factory) -> None:
    transform = _transform(factory)
    images, phi = _images(), transform.identity()[None]
    for name, turn in (("apply", transform.apply), ("invert", transform.invert)):
        difference = apart(turn(images, phi), images)
        if difference > EXACT:
            raise Violation(
                f"{name}(images, identity) to be the images", f"pixels {difference:.3g} apart"
            )


@check("shape", "(1 or n, C, H, W) images and (n, dim) phi give (n, C, H, W)")
def _shape(factory: Factory) -> None:
    transform = _transform(factory)
    phi = _phi(transform, 3)
    for turn in (transform.apply, transform.invert):
        for n in (1, 3):
            made = turn(_images(n), phi)
            if tuple(made.shape) != (3, 3, HEIGHT, WIDTH) or made.dtype != torch.float32:
                got = f"{made.dtype} {tuple(made.shape)}"
                raise Violation(f"float32 {(3, 3, HEIGHT, WIDTH)}", got, "Expand to len(phi) rows.")
    far = transform.apply(_images(), _phi(transform, 8, scale=3.0))
    if not bool(far.isfinite().all()):
        raise Violation("finite images, also far from the identity", "NaN or infinity")


@check("inverse", "invert brings back what apply took away, for small phi")
def _inverse(factory: Factory) -> None:
    transform = _transform(factory)
    images, phi = _images(4), _phi(transform, 4)
    with torch.no_grad():
        there = transform.apply(images, phi)
        back = transform.invert(there, phi)
    for i in range(4):
        gone = float(_middle(there[i] - images[i]).abs().mean())
        left = float(_middle(back[i] - images[i]).abs().mean())
        if left > EXACT and left > gone / 2:
            raise Violation(
                "invert(apply(images, phi), phi) nearer to the images than apply(images, phi)",
                f"mean differences of {left:.3g} and {gone:.3g} in the middle",
                "Is the inverse the right way round, and are its steps in reverse order?",
            )


@check("rows", "each row is moved by its own phi alone")
def _rows(factory: Factory) -> None:
    transform = _transform(factory)
    images, phi = _images(4), _phi(transform, 4)
    for turn in (transform.apply, transform.invert):
        together, shared = turn(images, phi), turn(images[:1], phi)
        for i in (0, 2):
            alone = turn(images[i : i + 1], phi[i : i + 1])[0]
            alike = turn(images[:1], phi[i : i + 1])[0]
            difference = max(apart(alone, together[i]), apart(alike, shared[i]))
            if difference > EXACT:
                raise Violation(
                    "the same image with its phi alone and among four",
                    f"pixels {difference:.3g} apart",
                )


@check("masks", "masks stay within [0, 1], and a flat one stays flat in the middle")
def _masks(factory: Factory) -> None:
    transform = _transform(factory)
    phi = _phi(transform, 3, scale=0.05)  # what lies outside must not reach the middle
    box = torch.zeros(1, 1, HEIGHT, WIDTH)
    box[..., 8:24, 12:36] = 1
    for mask in (box, torch.ones_like(box), torch.full_like(box, 0.3)):
        made = transform.apply(mask, phi)
        if tuple(made.shape) != (3, 1, HEIGHT, WIDTH):
            raise Violation(f"masks {(3, 1, HEIGHT, WIDTH)}", str(tuple(made.shape)))
        low, high = float(made.min()), float(made.max())
        if not (low >= -1e-5 and high <= 1 + 1e-5):
            raise Violation("masks in [0, 1]", f"{low:.4g} to {high:.4g}")
        if bool((mask == mask[0, 0, 0, 0]).all()) and apart(_middle(made), _middle(mask)) > EXACT:
            raise Violation(
                f"a mask of {float(mask[0, 0, 0, 0]):g} to stay so in the middle",
                f"{float(_middle(made).min()):.4g} to {float(_middle(made).max()):.4g}",
                "Leave images of one channel alone, if it changes colours.",
            )


@check("gradient", "apply and invert are differentiable in the images, and apply in phi")
def _gradient(factory: Factory) -> None:
    transform = _transform(factory)
    if not transform.dim:
        does_not_apply("it has no parameters")
    images, phi = _images(), _phi(transform, 1)
    weights = noise(1, 3, HEIGHT, WIDTH, seed=9)
    check_gradient("apply by its images", lambda x: transform.apply(x, phi) * weights, images)
    check_gradient("invert by its images", lambda x: transform.invert(x, phi) * weights, images)
    if not transform.searched:
        return
    # Smooth weights, so that bilinear kinks even out; in units of the scale.
    slow = smooth_images(1, HEIGHT, WIDTH, seed=5)
    spread = SMALL * torch.tensor(transform.scale)
    check_gradient(
        "apply by phi",
        lambda move: transform.apply(images, phi + spread * move) * slow,
        torch.zeros_like(phi),
    )


@check("same", "the same input gives the same output, and is left as it was")
def _same(factory: Factory) -> None:
    transform = _transform(factory)
    images, phi = _images(2), _phi(transform, 2)
    for turn in (transform.apply, transform.invert):
        with unchanged(images=images, phi=phi):
            first = turn(images, phi)
        with other_global_states():
            if not torch.equal(first, turn(images, phi)):
                raise Violation("the same images from a second call", "others")
