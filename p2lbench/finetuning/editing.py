"""What editing an image's class comes to: a stand-in for the paper's user study that is measured.

A class is changed as in the paper's figure 18: c becomes another class's vector, z stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from p2lbench.errors import UserError, did_you_mean
from p2lbench.inits.classes import CLASSIFIERS, class_vector
from p2lbench.losses.masked import mean
from p2lbench.objective import inverted
from p2lbench.plan import class_index
from p2lbench.projection import Projection
from p2lbench.transforms.spatial import Spatial

if TYPE_CHECKING:
    from torch import Tensor, nn

MANY = 20  # classes, more than which are not all tried


def classifiers(names: Sequence[str], device: str) -> dict[str, nn.Module]:
    """The classifiers by name, loaded. Raises: UserError: their weights are not here."""
    return {name: CLASSIFIERS[name](name).to(device) for name in names}


def targets(projection: Projection, asked: Sequence[str | int] | None) -> dict[str, int]:
    """Name → number of the classes to edit to: those asked for, but for the image's own.

    Raises:
        UserError: the generator has no classes, too many to take all, or not these; none is left.
    """
    generator = projection.setting.generator
    if not generator.conditional or "c" not in projection.setting.space.slices:
        raise UserError("no class to edit: the generator takes none")
    names = tuple(generator.classes)
    if asked is None and not 0 < len(names) <= MANY:
        raise UserError(f"edits: {len(names)} classes; say which: finetune.edits.classes")
    own = class_index(projection.task.cell.image.class_name, names)
    found = {}
    for given in names if asked is None else asked:
        number = class_index(given, names)
        if number is None:
            hint = did_you_mean(str(given), names)
            raise UserError(f"edits: the generator has no class '{given}'.{hint}")
        if number != own:
            found[names[number] if names else str(number)] = number
    if not found:
        raise UserError("edits: no class is asked for but the photo's own")
    return found


def measured(
    projection: Projection, classes: Mapping[str, int], judges: Mapping[str, nn.Module]
) -> tuple[dict[str, Any], Tensor]:
    """What the edits come to, and the images (1 + classes, 3, H, W), the unedited one first.

    Of each class: whether each judge sees it, with which probability, and how far the pixels moved
    in and outside of the object's mask (l1 against the unedited output, original frame).
    """
    import torch

    space = projection.setting.space
    points = projection.point.repeat(1 + len(classes), 1)
    generator = projection.setting.generator
    for k, number in enumerate(classes.values()):
        points[1 + k, space.slices["c"]] = class_vector(generator, number).flatten()
    points = points.clamp(min=space.low, max=space.high)
    with torch.no_grad():
        images = _original(projection, points)
        seen = {name: _seen(model, projection, images[1:]) for name, model in judges.items()}
        moved = (images[1:] - images[:1]).abs()
        inside, outside = _means(moved, projection.mask)
    found = {
        name: {
            "seen": {judge: bool(p[k].argmax() == number) for judge, p in seen.items()},
            "probability": {judge: float(p[k, number]) for judge, p in seen.items()},
            "object": inside[k],
            "background": outside[k],
        }
        for k, (name, number) in enumerate(classes.items())
    }
    return found, images


def _original(projection: Projection, points: Tensor) -> Tensor:
    objective = projection.setting.objective
    images = objective.images(points)
    if objective.transform is None:
        return images
    return inverted(objective.transform, images, objective.phi(points))


def _seen(model: nn.Module, projection: Projection, images: Tensor) -> Tensor:
    """(n, classes): probabilities. The object is brought to where the generator's own are, by the
    mask alone: the same view of every method's images, and the one that classifiers know."""
    view = Spatial()
    view.fill = projection.setting.generator.fill
    phi = view.initial(projection.mask, projection.setting.generator).to(images)
    centred = view.apply(images, phi.expand(len(images), -1))
    probabilities: Tensor = model(centred).softmax(1)
    known = len(projection.setting.generator.classes)
    if probabilities.shape[1] != known:
        raise UserError(f"a classifier of {probabilities.shape[1]} classes; expected {known}")
    return probabilities


def _means(moved: Tensor, mask: Tensor) -> tuple[list[float], list[float | None]]:
    """Of each image inside the mask and outside; None where the mask is all."""
    inside = [float(value) for value in mean(moved, mask)]
    outside: list[float | None] = [None] * len(moved)
    if bool((mask < 1).any()):
        outside = [float(value) for value in mean(moved, 1 - mask)]
    return inside, outside
