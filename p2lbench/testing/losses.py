"""What every loss and every metric promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from p2lbench.losses.base import Loss
from p2lbench.losses.base import protocol as plain_protocol
from p2lbench.testing.check import Check, Factory, Kit, Violation, does_not_apply
from p2lbench.testing.common import add_common, build
from p2lbench.testing.sameness import other_global_states
from p2lbench.testing.tensors import apart, check_gradient, noise, smooth_images, unchanged

SIDE = 64  # room for windows that see neither the mask nor its far side
BATCHED = 1e-5
MORE = 1.5  # times as much as outside: networks and windows see across the mask's edge
KITS = {"loss": Kit("loss"), "metric": Kit("metric")}
add_common(KITS["loss"], "losses", Loss)
add_common(KITS["metric"], "metrics", Loss)

Run = Callable[[Factory], None]


def check(name: str, title: str) -> Callable[[Run], Run]:
    """A decorator that adds a check of losses and of metrics."""

    def add(run: Run) -> Run:
        for kit in KITS.values():
            kit.checks.append(Check(name, title, kit.kind, run))
        return run

    return add


def _loaded(factory: Factory) -> Loss:
    loss: Loss = build(factory, Loss)
    loss.load("cpu")
    return loss


def _given(loss: Loss, n: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """Images, targets and masks of n rows."""
    side = max(SIDE, loss.min_size)
    targets = smooth_images(n, side, side)
    images = (targets + 0.3 * noise(n, 3, side, side)).clamp(-1, 1)
    masks = torch.full((n, 1, side, side), 0.3)
    masks[:, :, side // 4 : 3 * side // 4, side // 4 :] = 1
    return images, targets, masks


def _values(loss: Loss, images: Tensor, targets: Tensor, masks: Tensor) -> Tensor:
    return _checked(loss(images, loss.prepare(targets.clone(), masks.clone())), len(images))


def _checked(values: Any, n: int) -> Tensor:
    if not isinstance(values, Tensor) or tuple(values.shape) != (n,):
        got = f"{tuple(values.shape)}" if isinstance(values, Tensor) else type(values).__name__
        advice = "Reduce over channels and pixels, and never over the batch."
        raise Violation(f"a tensor of shape ({n},)", got, advice)
    if not values.is_floating_point() or not bool(values.isfinite().all()):
        raise Violation("finite numbers", f"{values.dtype} {values.tolist()}")
    return values


def _worse(loss: Loss, values: Tensor) -> Tensor:
    """Turned round, if higher is better."""
    return -values if loss.higher_is_better else values


@check("values", "one finite number per image, for one target and for n")
def _one_number_per_image(factory: Factory) -> None:
    loss = _loaded(factory)
    images, targets, masks = _given(loss)
    _values(loss, images[:1], targets[:1], masks[:1])
    several = _values(loss, images, targets, masks)
    shared = _values(loss, images, targets[:1], masks[:1])
    if apart(shared[:1].detach(), several[:1].detach()) > BATCHED * (1 + abs(float(several[0]))):
        got = f"{float(shared[0].detach()):.6g} and {float(several[0].detach()):.6g}"
        raise Violation("the same number for a target alone and among three", got)


@check("prepare", "prepare returns tensors whose first dimension is 1 or n")
def _prepare(factory: Factory) -> None:
    loss = _loaded(factory)
    _, targets, masks = _given(loss)
    for n in (1, 3):
        prepared = loss.prepare(targets[:n], masks[:n])
        if not isinstance(prepared, Mapping):
            raise Violation("a mapping of tensors from prepare", type(prepared).__name__)
        for name, value in prepared.items():
            if not isinstance(value, Tensor) or not value.ndim or len(value) not in (1, n):
                got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
                raise Violation(f"a tensor (1 or {n}, …) under '{name}' from prepare", str(got))


@check("rows", "an image's number does not depend on the others of its batch")
def _rows(factory: Factory) -> None:
    loss = _loaded(factory)
    images, targets, masks = _given(loss, 4)
    with torch.no_grad():
        together = _values(loss, images, targets, masks)
        for i in (0, 2):
            one = slice(i, i + 1)
            alone = _values(loss, images[one], targets[one], masks[one])
            difference = apart(alone[0], together[i])
            if difference > BATCHED * (1 + abs(float(together[i]))):
                raise Violation(
                    "the same number alone and among four",
                    f"numbers that are {difference:.3g} apart",
                    "Take means over the dimensions (1, 2, 3) alone.",
                )


@check("target", "nothing is better than the target itself")
def _target(factory: Factory) -> None:
    loss = _loaded(factory)
    images, targets, masks = _given(loss)
    others = {
        "with noise": images,
        "with a little noise": targets + 0.03 * noise(*targets.shape, seed=1),
        "made brighter": (targets + 0.2).clamp(-1, 1),
        "turned upside down": targets.flip(2),
    }
    with torch.no_grad():
        equal = _worse(loss, _values(loss, targets.clone(), targets, masks))
        seen = {k: _worse(loss, _values(loss, x, targets, masks)) for k, x in others.items()}
    for how, values in seen.items():
        if bool((values < equal - 1e-6 * (1 + equal.abs())).any()):
            raise Violation(
                "the best value for the target itself",
                f"a better one for the target {how}",
                "Is higher_is_better declared rightly?",
            )
    if not any(bool((values > equal).all()) for values in seen.values()):
        raise Violation("worse values for other images", "the same for all")


@check("mask", "an error inside the mask counts more than outside")
def _mask(factory: Factory) -> None:
    loss = _loaded(factory)
    _, targets, _ = _given(loss, 1)
    half = torch.zeros_like(targets[:, :1])
    half[..., : half.shape[-1] // 2] = 1
    error = 0.4 * noise(*targets.shape)
    error = error + error.flip(3)  # the same on both sides
    with torch.no_grad():
        given = (targets.clone(), targets + error * half, targets + error * (1 - half))
        equal, inside, outside = (
            float(_worse(loss, _values(loss, x, targets, half))) for x in given
        )
    if not inside - equal > MORE * (outside - equal):
        raise Violation(
            f"noise inside the mask to change the value more than {MORE:g} times as much as the "
            "same noise outside",
            f"changes of {inside - equal:.4g} and {outside - equal:.4g}",
            "Weigh the error by prepared['mask'], and divide by the mask's sum.",
        )


@check("far", "pixels far outside of the mask do not matter")
def _far(factory: Factory) -> None:
    loss = _loaded(factory)
    if loss.network is not None:
        does_not_apply("a network sees around the mask's edge")
    images, targets, _ = _given(loss, 1)
    side = targets.shape[-1]
    corner = torch.zeros(1, 1, side, side)
    corner[..., : side // 4, : side // 4] = 1
    other = images.clone()
    other[..., -side // 8 :, -side // 8 :] *= -1
    with torch.no_grad():
        one, two = (_values(loss, x, targets, corner) for x in (images, other))
    if apart(one, two) > 1e-6 * (1 + abs(float(one))):
        raise Violation("the same number", f"{float(one):.6g} and {float(two):.6g}")


@check("tiny-mask", "a mask of one pixel, or a faint one, gives no NaN")
def _tiny_mask(factory: Factory) -> None:
    loss = _loaded(factory)
    images, targets, masks = _given(loss, 1)
    point = torch.zeros_like(masks)
    side = masks.shape[-1]
    point[..., side // 2, side // 2] = 1
    for mask in (point, torch.full_like(masks, 0.01)):
        try:
            prepared = loss.prepare(targets, mask)
        except ValueError:
            continue  # refused, which is fair: its network sees too coarsely
        leaf = images.clone().requires_grad_(loss.objective)
        values = _checked(loss(leaf, prepared), 1)
        if loss.objective:
            (gradient,) = torch.autograd.grad(values.sum(), leaf)
            if not bool(gradient.isfinite().all()):
                raise Violation("a finite gradient under a tiny mask", "NaN or infinity")


@check("untouched", "images, targets, masks and what was prepared are left as they were")
def _untouched(factory: Factory) -> None:
    loss = _loaded(factory)
    images, targets, masks = _given(loss)
    with unchanged(targets=targets, masks=masks):
        prepared = loss.prepare(targets, masks)
    with unchanged(images=images, **{f"prepared '{k}'": v for k, v in prepared.items()}):
        values = loss(images, prepared)
    if values.requires_grad:
        raise Violation(
            "no gradient to the weights",
            "numbers that require one though the images do not",
            "Call requires_grad_(False) on the network in load.",
        )


@check("refuses", "prepare refuses wrong shapes, wrong ranges and empty masks")
def _refuses(factory: Factory) -> None:
    loss = _loaded(factory)
    _, targets, masks = _given(loss, 2)
    empty = masks.clone()
    empty[1] = 0
    wrong = {
        "targets of one channel": (targets[:, :1], masks),
        "targets in 0 to 255": ((targets + 1) * 127.5, masks),
        "masks of three channels": (targets, masks.expand(-1, 3, -1, -1)),
        "masks of another size": (targets, masks[..., 1:]),
        "an empty mask": (targets, empty),
    }
    for what, given in wrong.items():
        try:
            loss.prepare(*given)
        except ValueError:
            continue
        raise Violation(
            f"a ValueError from prepare for {what}", "none", "Call super().prepare(targets, masks)."
        )


@check("min-size", "images of min_size pixels are taken, smaller ones refused")
def _min_size(factory: Factory) -> None:
    loss = _loaded(factory)
    side = loss.min_size
    targets, masks = smooth_images(1, side, side), torch.ones(1, 1, side, side)
    with torch.no_grad():
        _values(loss, 0.5 * targets, targets, masks)
    if side == 1:
        return
    try:
        loss.prepare(targets[..., 1:, 1:], masks[..., 1:, 1:])
    except ValueError:
        return
    raise Violation(
        f"a ValueError from prepare for images of {side - 1} pixels", "none", "Check them first."
    )


@check("same", "the same images give the same number, also after load is called again")
def _same(factory: Factory) -> None:
    loss = _loaded(factory)
    images, targets, masks = _given(loss)
    with torch.no_grad():
        first = _values(loss, images, targets, masks)
        with other_global_states("others after a call"):
            again = {"from a second call": _values(loss, images, targets, masks)}
        loss.load("cpu")
        again["after load was called again"] = _values(loss, images, targets, masks)
        again["from another instance"] = _values(_loaded(factory), images, targets, masks)
    for when, values in again.items():
        if not torch.equal(first, values):
            raise Violation(f"the same numbers {when}", f"{apart(first, values):.3g} apart")


@KITS["loss"]("gradient", "its gradient is its slope, and finite at the target itself")
def _gradient(factory: Factory) -> None:
    loss = _loaded(factory)
    if not loss.objective:
        raise Violation(
            "objective = True of a registered loss",
            "False",
            "Register it with register_metrics, if it cannot be optimised.",
        )
    images, targets, masks = _given(loss, 1)
    prepared = loss.prepare(targets, masks)
    check_gradient("the loss", lambda x: loss(x, prepared), images)
    leaf = targets.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(loss(leaf, prepared).sum(), leaf)
    if not bool(gradient.isfinite().all()):
        advice = "A square root at 0 has no slope: add a small number inside."
        raise Violation("a finite gradient at the target itself", "NaN or infinity", advice)


@KITS["metric"]("protocol", "its protocol says how the number comes about")
def _protocol(factory: Factory) -> None:
    protocol = build(factory, Loss).protocol
    known = plain_protocol()
    expected = f"protocol: texts for some of {', '.join(known)}"
    if not isinstance(protocol, Mapping) or protocol == known:
        raise Violation(expected, "nothing of its own", "See p2lbench.api.protocol().")
    for key, text in protocol.items():
        if key not in known or not isinstance(text, str) or not text.strip():
            raise Violation(expected, f"{key}: {text!r}")
