"""Eq. 6 of the paper: z, c, phi and the weights theta descend together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import TYPE_CHECKING

from p2lbench.errors import UserError, did_you_mean
from p2lbench.finetuning.options import WHOLE, Options
from p2lbench.objective import HELD, PHI
from p2lbench.projection import Projection

if TYPE_CHECKING:
    from torch import Tensor

Weights = Mapping[str, "Tensor"]
Follow = Callable[[int, float, float], None]  # step, loss, distance of the weights


@dataclass(frozen=True)
class FineTuned:
    """What fine-tuning came to.

    `projection`: the point where it ended; its generator has the new weights. `before` (1, 3, H,
    W): the image it began with, original frame. `losses`, `distances`: before each step and at the
    end, of the whole loss and of ‖theta − theta0‖₂. `terms`: name → values of the loss's terms at
    the begin and the end, without their factors. `base`: theta0. `reached`: whether `stop` was.
    """

    projection: Projection
    options: Options
    before: Tensor
    losses: tuple[float, ...]
    distances: tuple[float, ...]
    terms: Mapping[str, tuple[float, float]]
    reached: bool
    seconds: float
    passes: int
    base: Weights

    @property
    def weights(self) -> Weights:
        """theta, live."""
        return self.projection.setting.generator.parameters()


def descend(projection: Projection, options: Options, follow: Follow | None = None) -> FineTuned:
    """Minimise L(T⁻¹(G_theta(z, c)), y, m) + lambda ‖theta − theta0‖₂ with Adam.

    L is the cell's loss in the original frame: the number that the leaderboard has. The norm is
    not squared; its slope at theta0, which is not defined, is taken to be 0. Points are kept in
    their bounds, and what the suite froze stays. The projection's generator is changed.

    Raises:
        UserError: the generator names no weights; no such term; the loss is not finite any more.
            Then the generator is as it was.
    """
    began = time.monotonic()
    weights = _weights(projection)
    path = Descent(
        projection, options, _term(projection, options.stop_on), weights, copies(weights)
    )
    before = projection.original()
    with _trainable(weights, path.base):
        point, reached = path.walk(follow)
    names = term_names(projection)
    return FineTuned(
        replace(projection, point=point),
        options,
        before,
        tuple(path.losses),
        tuple(path.distances),
        {name: (path.values[0][k], path.values[-1][k]) for k, name in enumerate(names)},
        reached,
        time.monotonic() - began,
        2 * (len(path.losses) - 1) + 1,  # a gradient is two passes; at the end there is none
        path.base,
    )


@dataclass
class Descent:
    """The way that eq. 6 leads down; `base`: theta0, `term`: which one ends it, None for all.

    `losses`, `values`, `distances`: of the whole loss, of its terms, of the weights; so far.
    """

    projection: Projection
    options: Options
    term: int | None
    weights: Weights
    base: Weights
    losses: list[float] = field(default_factory=list)
    values: list[list[float]] = field(default_factory=list)
    distances: list[float] = field(default_factory=list)

    def walk(self, follow: Follow | None) -> tuple[Tensor, bool]:
        """The point (1, d) where it ended, and whether it reached `stop`."""
        import torch

        space = self.projection.setting.space
        point = self.projection.point.detach().clone().requires_grad_(True)
        leaves = [point, *self.weights.values()]
        adam, held = torch.optim.Adam(leaves, lr=self.options.lr), _held(self.projection)
        while True:
            loss = self.evaluated(point)
            if follow is not None:
                follow(len(self.losses) - 1, self.losses[-1], self.distances[-1])
            if self.reached or len(self.losses) > self.options.steps:
                return point.detach(), self.reached
            slopes = self.slopes(loss, point)
            slopes[0] = slopes[0].masked_fill(held, 0.0)
            for leaf, slope in zip(leaves, slopes, strict=True):
                leaf.grad = slope
            adam.step()
            with torch.no_grad():
                point.clamp_(min=space.low, max=space.high)

    @property
    def reached(self) -> bool:
        """Whether what ends it is below `stop`."""
        last = self.losses[-1] if self.term is None else self.values[-1][self.term]
        return last < self.options.stop

    def evaluated(self, point: Tensor) -> Tensor:
        """The reconstruction loss at a point (1, d), a number, kept in the lists as well."""
        import torch

        objective = self.projection.setting.objective
        terms = objective.terms_of_original(point)
        weighted = [k * term for (_, k), term in zip(objective.terms, terms, strict=True)]
        loss = torch.stack(weighted).sum()
        self.losses.append(float(loss.detach()))
        self.values.append([float(term.detach()) for term in terms])
        self.distances.append(distance(self.weights, self.base))
        if not isfinite(self.losses[-1]):
            raise UserError(
                f"the loss is not finite after {len(self.losses) - 1} steps: lower --lr"
            )
        return loss

    def slopes(self, loss: Tensor, point: Tensor) -> list[Tensor]:
        """Of eq. 6, by the point and by each of the weights; 0 by those that nothing uses."""
        import torch

        leaves = [point, *self.weights.values()]
        found = torch.autograd.grad(loss, leaves, allow_unused=True)
        pairs = zip(found, leaves, strict=True)
        slopes = [torch.zeros_like(x) if slope is None else slope for slope, x in pairs]
        norm = self.distances[-1]
        if norm > 0:
            drift = self.options.weight / norm
            away = [(tensor - self.base[name]).detach() for name, tensor in self.weights.items()]
            # Not in place: autograd may give one tensor as the slope of several leaves.
            pairs = zip(slopes[1:], away, strict=True)
            slopes[1:] = [slope.add(moved, alpha=drift) for slope, moved in pairs]
        return slopes


def copies(weights: Weights) -> dict[str, Tensor]:
    """Their values now."""
    return {name: tensor.detach().clone() for name, tensor in weights.items()}


def term_names(projection: Projection) -> list[str]:
    """The names of the loss's terms, in order."""
    return [spec.name for spec, _ in projection.task.cell.method.loss.terms]


def restore(weights: Weights, base: Weights) -> None:
    """Give weights the values of others, in place."""
    import torch

    with torch.no_grad():
        for name, tensor in weights.items():
            tensor.copy_(base[name])


def distance(weights: Weights, base: Weights) -> float:
    """‖theta − theta0‖₂ over all tensors."""
    import torch

    with torch.no_grad():
        norms = [(tensor - base[name]).double().norm() for name, tensor in weights.items()]
        return float(torch.stack(norms).norm())


def _weights(projection: Projection) -> Weights:
    weights = projection.setting.generator.parameters()
    if not weights:
        name = projection.task.cell.method.generator.label
        raise UserError(
            f"generator {name} cannot be fine-tuned: its parameters() names no weights "
            "(docs/contracts.md, Generator)"
        )
    return dict(weights)


def _term(projection: Projection, asked: str) -> int | None:
    """Which term of the loss is meant; None for the whole. Raises: UserError."""
    names = term_names(projection)
    if asked == WHOLE:
        return None
    if asked not in names:
        known = [WHOLE, *names]
        message = f"--stop-on: the loss has no term '{asked}'.{did_you_mean(asked, known)}"
        raise UserError(f"{message} Expected one of {', '.join(known)}")
    return names.index(asked)


@contextmanager
def _trainable(weights: Weights, base: Weights) -> Iterator[None]:
    """Weights that take gradients inside; as they were if anything ends it."""
    try:
        for tensor in weights.values():
            tensor.requires_grad_(True)
        yield
    except BaseException:
        restore(weights, base)
        raise
    finally:
        for tensor in weights.values():
            tensor.requires_grad_(False)


def _held(projection: Projection) -> Tensor:
    """(1, d): the columns that stay: what the suite froze, and parameters that T holds."""
    import torch

    space, transform = projection.setting.space, projection.transform
    held = torch.zeros_like(projection.point, dtype=torch.bool)
    for variable in space.variables:
        stays = space.roles[variable.name] == "frozen"
        if variable.name == PHI and transform is not None:
            stays = stays or all(transform.held)
        held[:, space.slices[variable.name]] = stays or variable.name == HELD
    return held
