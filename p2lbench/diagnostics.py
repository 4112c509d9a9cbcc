"""What is known of a cell's candidates beside their errors: how the result came about.

Of each candidate, with a transform:

- `coverage`: the share of the mask that T⁻¹(G) covers;
- `round_trip`: l1 (paper, eq. 3) of T⁻¹(T(y)) against y in the mask, which is what the transform
  costs by itself.

Where the suite tells the true transform, how far off the found one is; no transform counts as one
that changes nothing:

- `placement`: the mean distance, in the generator's pixels, between where T puts the mask's pixels
  and where they belong;
- `scale`, `brightness`: the factor by which T makes the object too large or too small, too bright
  or too dark, minus 1.

Where the generator has classes:

- `class_moved`: how far c went from its start; 1 is the distance between neighbouring classes;
- `class_crossed`: 1 if c ended nearest to another class than it started, else 0.

Where the image is a sample of this very generator, and its point is known:

- `optimum`: the original-frame objective of that point, without a transform: what rounding the
  image to 8 bits costs, and nearly the least there is;
- `gap`: how far the candidate's objective is above it. Something as good as the optimum is there,
  so what is above is the search's failure, not the generator's limit. Below 0 the candidate meets
  the rounded image better than the point that made it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from p2lbench.objective import CellObjective, inverted, transformed
from p2lbench.scoring import Values, finite
from p2lbench.space import Space
from p2lbench.transforms.compose import Composed
from p2lbench.transforms.none import NoTransform

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.transforms.base import Transform

    # The image's true transforms in order, each with its parameters.
    Truth = Sequence[tuple[Transform, Sequence[float]]]

CLASS_VECTOR = "c"
FLAT = 1e-4  # ratio of an object's sides below which it is a line


def diagnose(
    objective: CellObjective, points: Tensor, start: Tensor, truth: Truth
) -> dict[str, Values]:
    """Diagnostics of points (N, D) that a search from `start (N, D)` returned.

    `truth`: the image's true transforms with their parameters; empty if they are not known.
    """
    import torch

    found: dict[str, Tensor] = {}
    with torch.no_grad():
        if objective.transform is not None:
            found |= _losses_of_transform(objective, objective.transform, objective.phi(points))
        if truth:
            found |= _recovery(objective, points, truth)
        found |= _class_search(objective, points, start)
    return {name: finite(values.expand(len(points))) for name, values in found.items()}


def gap(
    objective: CellObjective, points: Tensor, sample: Mapping[str, Sequence[float]]
) -> dict[str, Values]:
    """`gap` and `optimum` of points (N, D); `sample`: variable → values of the true point.

    Raises:
        ValueError: the point is not of the generator's variables.
    """
    import torch

    generator = objective.generator
    space = Space(generator.variables, None, str(points.device))
    if {name: len(values) for name, values in sample.items()} != {
        variable.name: variable.size for variable in space.variables
    }:
        raise ValueError("the sample's point does not have the generator's variables")
    true = space.join({name: points.new_tensor([values]) for name, values in sample.items()})
    plain = CellObjective(
        generator, space, objective.terms, objective.target, objective.scored_mask, hard=True
    )
    with torch.no_grad():
        optimum = plain.original(true).expand(len(points))
        return {"gap": finite(objective.original(points) - optimum), "optimum": finite(optimum)}


def _losses_of_transform(
    objective: CellObjective, transform: Transform, phi: Tensor
) -> dict[str, Tensor]:
    """What T and T⁻¹ cost without any generator: what leaves the frame, and what they blur."""
    target, mask = objective.target, objective.foreground
    covered = inverted(transform, mask.new_ones(mask.shape), phi).clamp(0, 1)
    moved, _ = transformed(transform, target, mask, phi)
    error = (inverted(transform, moved, phi) - target).abs().sum(1, keepdim=True)
    return {"coverage": _inside(covered, mask), "round_trip": _inside(error, mask)}


def _inside(values: Tensor, mask: Tensor) -> Tensor:
    """(n, 1, H, W) → (n,): the mean over the mask."""
    return (values * mask).sum((1, 2, 3)) / mask.sum()


def _recovery(objective: CellObjective, points: Tensor, truth: Truth) -> dict[str, Tensor]:
    """The found transform beside the true one, as both act on the object."""
    right = Composed([part for part, _ in truth])
    right_phi = points.new_tensor([[value for _, values in truth for value in values]])
    transform = objective.transform or NoTransform()
    has_phi = objective.transform is not None
    phi = objective.phi(points) if has_phi else points.new_zeros(len(points), 0)
    places = _object(objective.foreground)
    found: dict[str, Tensor] = {}
    size = objective.generator.shape
    at = transform.positions(places, phi, size), right.positions(places, right_phi, size)
    if at[0] is not None and at[1] is not None:
        found |= _displacement(at[0], at[1], size)
    gains = transform.gain(phi), right.gain(right_phi)
    if gains[0] is not None and gains[1] is not None:
        found["brightness"] = _factor(gains[0] / gains[1])
    return found


def _displacement(found: Tensor, right: Tensor, size: tuple[int, int]) -> dict[str, Tensor]:
    """(1 or n, m, 2) and (1, m, 2) places of the object's pixels, on [-1, 1]."""
    height, width = size
    half = found.new_tensor([width, height]) / 2
    distance = ((found - right) * half).square().sum(2).sqrt().mean(1)
    return {"placement": distance, "scale": _factor(_extent(found) / _extent(right))}


def _extent(places: Tensor) -> Tensor:
    """(n, m, 2) → (n,): the square root of the area that they take, up to a factor that depends on
    the object alone, turned or not; NaN for what lies on one line."""
    import torch

    apart = places.double() - places.double().mean(1, keepdim=True)
    spread = apart.mT @ apart
    area = torch.linalg.det(spread).clamp(min=0).sqrt()
    line = area <= FLAT * spread.diagonal(dim1=1, dim2=2).sum(1)
    return torch.where(line, torch.nan, area.sqrt())


def _factor(ratio: Tensor) -> Tensor:
    """0 if right; 0.25 for 1.25 times too much and for 1.25 times too little."""
    return ratio.log().abs().expm1()


def _object(mask: Tensor) -> Tensor:
    """The centres (1, m, 2) of a mask's pixels (1, 1, H, W) above 0.5, as x, y on [-1, 1]."""
    import torch

    rows, columns = (mask[0, 0] > 0.5).nonzero().unbind(1)
    height, width = mask.shape[2:]
    return torch.stack([(2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1], 1)[None]


def _class_search(objective: CellObjective, points: Tensor, start: Tensor) -> Mapping[str, Tensor]:
    """How far c moved, and whether it crossed into another class."""
    import torch

    generator, space = objective.generator, objective.space
    if not generator.conditional or CLASS_VECTOR not in space.slices or len(generator.classes) < 2:
        return {}
    classes = generator.embed(torch.arange(len(generator.classes), device=points.device)).flatten(1)
    between = torch.cdist(classes, classes).fill_diagonal_(torch.inf)
    ends = [x[:, space.slices[CLASS_VECTOR]] for x in (start, points)]
    nearest = [torch.cdist(end, classes).argmin(1) for end in ends]
    return {
        "class_moved": (ends[1] - ends[0]).norm(dim=1) / between.amin(1).median(),
        "class_crossed": (nearest[0] != nearest[1]).float(),
    }
