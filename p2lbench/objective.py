"""One cell's loss in two frames (paper, section 3.4), as a function of full points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING, Any

from p2lbench.budget import Ledger
from p2lbench.masks.kinds import BACKGROUND
from p2lbench.space import Space

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.generators.base import Generator
    from p2lbench.losses.base import Loss
    from p2lbench.transforms.base import Transform

PHI = "phi"
HELD = "phi_held"  # the parameters that are not searched, where others are


class CellObjective:
    """A weighted sum of losses between a generator's images and one target.

    aligned: L(G(x), T(y), T(m)); original: L(T⁻¹(G(x)), y, m). Without a transform they are one
    function, unless the background counts in the first and not in the second.

    `batch`: how many candidates go through the networks at once; None for all of them.
    """

    def __init__(
        self,
        generator: Generator,
        space: Space,
        terms: Sequence[tuple[Loss, float]],
        target: Tensor,
        foreground: Tensor,
        transform: Transform | None = None,
        hard: bool = False,
        background: float = BACKGROUND,
    ) -> None:
        """`target (1, 3, H, W)`; `foreground (1, 1, H, W)`, its share in [0, 1] of every pixel;
        `background`: what the rest weighs in the loss, and 0 in a `hard` score."""
        self.generator, self.space, self.terms = generator, space, tuple(terms)
        self.target, self.foreground, self.transform = target, foreground, transform
        self.mask = background + (1 - background) * foreground
        self.scored_mask = foreground if hard else self.mask
        self.same_frame = transform is None and bool((self.scored_mask == self.mask).all())
        self.networks = sum(loss.network is not None for loss, _ in terms)
        self.ledger = Ledger()
        self.batch: int | None = None
        self._prepared = self._prepare(target, self.scored_mask)
        self._aligned: tuple[bytes, list[Mapping[str, Tensor]], Tensor] | None = None

    def images(self, x: Tensor) -> Tensor:
        """G(x): (n, D) → (n, 3, H, W)."""
        return self._in_parts(lambda rows, _: self._images(rows), x)

    def _images(self, x: Tensor) -> Tensor:
        latents = {name: v for name, v in self.space.split(x).items() if name not in (PHI, HELD)}
        with untouched(self.generator, x):
            images = self.generator.forward(**latents)
        wanted = (len(x), 3, *self.generator.shape)
        if _described(images) != f"torch.float32 {wanted}":
            raise ValueError(
                f"{type(self.generator).__name__} made {_described(images)}: "
                f"expected torch.float32 {wanted}"
            )
        return images

    def phi(self, x: Tensor) -> Tensor:
        """(n, D) → (n, dim) transform parameters."""
        import torch

        parts = self.space.split(x)
        if self.transform is None or HELD not in parts:
            return parts[PHI]
        held = torch.tensor(self.transform.held, device=x.device)
        phi = x.new_empty(len(x), len(held))
        phi[:, held], phi[:, ~held] = parts[HELD], parts[PHI]
        return phi

    def original(self, x: Tensor) -> Tensor:
        """(n,) scores in the target's own frame."""
        return self._in_parts(lambda rows, _: self._original(rows), x)

    def _original(self, x: Tensor) -> Tensor:
        images = self._images(x)
        if self.transform is not None:
            images = inverted(self.transform, images, self.phi(x))
        return self._total(images, self._prepared)

    def terms_of_original(self, x: Tensor) -> list[Tensor]:
        """The (n,) of each loss in the target's own frame, unweighted; differentiable by phi, too.

        `original` is their weighted sum.
        """
        images = self._images(x)
        if self.transform is not None:
            images = inverted(self.transform, images, self.phi(x))
        pairs = zip(self.terms, self._prepared, strict=True)
        return [evaluated(loss, images, given) for (loss, _), given in pairs]

    def aligned(self, x: Tensor) -> Tensor:
        """(n,) training losses in the generator's frame; differentiable.

        Infinite, with a slope of 0, where the transform moves the target out of the image.
        """
        if self.same_frame:
            return self._in_parts(
                lambda rows, _: self._total(self._images(rows), self._prepared), x
            )
        from p2lbench.microbatch import rows_of

        targets, lost = self._aligned_targets(x)

        def losses(rows: Tensor, part: slice) -> Tensor:
            given = [rows_of(target, part, len(x)) for target in targets]
            gone = lost[part] if len(lost) == len(x) else lost
            return self._total(self._images(rows), given).masked_fill(gone, inf)

        return self._in_parts(losses, x)

    def warm_up(self, x: Tensor) -> int:
        """One gradient at x (1, D) that leaves nothing behind, in the ledger neither; the bytes
        that its tensors take."""
        import torch

        from p2lbench.microbatch import Meter

        before = self.ledger.target_preparations
        with Meter() as meter:
            torch.autograd.grad(self.aligned(x.requires_grad_(True)).sum(), x)
        self.ledger.target_preparations, self._aligned = before, None
        peak: int = meter.peak
        return peak

    def _in_parts(self, function: Callable[[Tensor, slice], Tensor], x: Tensor) -> Tensor:
        from p2lbench.microbatch import in_parts

        return in_parts(function, x, self.batch or len(x))

    def _aligned_targets(self, x: Tensor) -> tuple[list[Mapping[str, Tensor]], Tensor]:
        if self.transform is None:
            key, phi = b"", None
        else:
            phi = self.phi(x).detach()
            if bool((phi == phi[:1]).all()):
                phi = phi[:1]
            key = phi.cpu().numpy().tobytes()
        if self._aligned is None or self._aligned[0] != key:
            target, mask = self.target, self.mask
            if self.transform is not None and phi is not None:
                target, mask = transformed(self.transform, target, mask, phi)
            mask, lost = seen(mask)
            self._aligned = key, self._prepare(target, mask), lost
        return self._aligned[1:]

    def _prepare(self, target: Tensor, mask: Tensor) -> list[Mapping[str, Tensor]]:
        import torch

        self.ledger.target_preparations += len(target) * len(self.terms)
        with torch.no_grad():
            # Copies: a loss that scribbles on its target must not reach the other losses.
            return [prepared(loss, target, mask) for loss, _ in self.terms]

    def _total(self, images: Tensor, prepared: Sequence[Mapping[str, Tensor]]) -> Tensor:
        total: Tensor | None = None
        for (loss, weight), given in zip(self.terms, prepared, strict=True):
            value = weight * evaluated(loss, images, given)
            total = value if total is None else total + value
        if total is None:
            raise ValueError("expected at least one loss")
        return total


def prepared(loss: Loss, target: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """loss.prepare(target, mask), on copies: what it scribbles on must not reach other losses.

    Raises:
        ValueError: the result is no mapping of tensors.
    """
    import torch

    found = loss.prepare(target.clone(), mask.clone())
    right = isinstance(found, Mapping)
    if not right or not all(isinstance(value, torch.Tensor) for value in found.values()):
        name = f"{type(loss).__name__}.prepare"
        raise ValueError(f"{name} returned {_described(found)}: expected a mapping of tensors")
    return dict(found)


def evaluated(loss: Loss, images: Tensor, prepared: Mapping[str, Tensor]) -> Tensor:
    """loss(images, prepared), if it kept to the rules.

    Raises:
        ValueError: the result is not (n,), or an input was changed in place.
    """
    import torch

    with untouched(loss, images, *prepared.values()):
        values = loss(images, prepared)
    if not isinstance(values, torch.Tensor) or tuple(values.shape) != (len(images),):
        raise ValueError(
            f"{type(loss).__name__} returned {_described(values)}: expected a tensor of shape "
            f"({len(images)},), not reduced"
        )
    return values


def transformed(
    transform: Transform, target: Tensor, mask: Tensor, phi: Tensor
) -> tuple[Tensor, Tensor]:
    """T(y) and T(m) for each phi."""
    with untouched(transform, target, mask, phi):
        return transform.apply(target, phi), transform.apply(mask, phi).clamp(0, 1)


def seen(masks: Tensor) -> tuple[Tensor, Tensor]:
    """Masks (n, 1, H, W), those without a pixel replaced by ones, which losses can do with; and
    which those are (n,). A transform may move all that counts out of the image."""
    lost = masks.sum(dim=(1, 2, 3)) == 0
    return masks.masked_fill(lost[:, None, None, None], 1.0), lost


def inverted(transform: Transform, images: Tensor, phi: Tensor) -> Tensor:
    """T⁻¹ of images, each with its phi."""
    with untouched(transform, images, phi):
        return transform.invert(images, phi)


@contextmanager
def untouched(plugin: Any, *tensors: Tensor) -> Iterator[None]:
    """Raises ValueError if a plugin has changed its input in place."""
    before = [tensor._version for tensor in tensors]
    yield
    if [tensor._version for tensor in tensors] != before:
        raise ValueError(f"{type(plugin).__name__} changed its input in place")


def _described(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else f"{value.dtype} {tuple(shape)}"
