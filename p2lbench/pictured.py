"""What a cell of a results folder found, as pictures in both frames, and how it was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from p2lbench.film import PASSES, PREFIX
from p2lbench.models import Models
from p2lbench.objective import inverted, transformed
from p2lbench.plan import PlanRow
from p2lbench.project import Setting
from p2lbench.projection import Projection, of_cell
from p2lbench.record import Record
from p2lbench.store import Store
from p2lbench.storedpoints import points_of, tensors_of

if TYPE_CHECKING:
    from torch import Tensor

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Share = np.ndarray[Any, np.dtype[np.float32]]

_AT_ONCE = 8  # points that go through the networks together


@dataclass(frozen=True)
class Shown:
    """What one moment of a search had: the passes spent, the lowest objective so far, and the image
    (H, W, 3) of its point in the original frame."""

    passes: int
    objective: float
    image: Pixels


@dataclass(frozen=True)
class Pictured:
    """A cell's candidates (N) at the generator's size.

    `images`: in the original frame; `outputs`: as the generator makes them (the same ones if there
    is no transform). `aligned`: the target and its mask as T brings them to the selected output;
    None without a transform. `latents`: the selected candidate's, by variable. `class_name`: of the
    class vector that the search began with, None if it is no class's. `shown`: only with a film.
    """

    record: Record
    selected: int
    target: Pixels
    mask: Share | None
    images: Pixels
    outputs: Pixels
    aligned: tuple[Pixels, Share] | None
    latents: dict[str, Tensor]
    class_name: str | None
    shown: tuple[Shown, ...]

    @property
    def ranking(self) -> list[int]:
        """The candidates, the lowest objective first."""
        values = [np.inf if value is None else value for value in self.record.objective]
        return sorted(range(len(values)), key=values.__getitem__)


def pictured(store: Store, row: PlanRow, record: Record, models: Models) -> Pictured:
    """Make the pictures of a planned cell, whose record is ok.

    Raises:
        UserError, StoreError: as `projection.load`.
    """
    found = of_cell(store, models.registry, row, device=models.device, models=models)
    setting, space = found.setting, found.setting.space
    setting.objective.batch = _AT_ONCE
    stored = tensors_of(found.task.latents)
    points = points_of(stored, space, found.task.cell.candidates)
    outputs, images = _both(setting, points)
    return Pictured(
        record,
        found.candidate,
        pixels(found.target)[0],
        None if found.task.mask is None else share(found.mask)[0],
        pixels(images),
        pixels(outputs),
        _aligned(found),
        {k: v[0].cpu().contiguous() for k, v in space.split(found.point).items()},
        _class(setting),
        tuple(_shown(setting, stored, found.point)),
    )


def pixels(images: Tensor) -> Pixels:
    """(n, 3, H, W) in [-1, 1] → (n, H, W, 3) in 8 bits."""
    levels = (images.detach().nan_to_num(-1).clamp(-1, 1) + 1) * 127.5
    found: Pixels = levels.round().permute(0, 2, 3, 1).cpu().numpy().astype(np.uint8)
    return found


def share(masks: Tensor) -> Share:
    """(n, 1, H, W) → (n, H, W)."""
    found: Share = masks.detach()[:, 0].cpu().numpy()
    return found


def _both(setting: Setting, points: Tensor) -> tuple[Tensor, Tensor]:
    """G(x) and T⁻¹(G(x))."""
    import torch

    objective = setting.objective
    with torch.no_grad():
        outputs = objective.images(points)
        if objective.transform is None:
            return outputs, outputs
        return outputs, inverted(objective.transform, outputs, objective.phi(points))


def _aligned(found: Projection) -> tuple[Pixels, Share] | None:
    import torch

    if found.transform is None or found.phi is None:
        return None
    with torch.no_grad():
        target, mask = transformed(found.transform, found.target, found.mask, found.phi)
    return pixels(target)[0], share(mask)[0]


def _class(setting: Setting) -> str | None:
    import torch

    generator, begun = setting.generator, setting.space.split(setting.mean[None]).get("c")
    if begun is None or not generator.conditional or not generator.classes:
        return None
    vectors = generator.embed(torch.arange(len(generator.classes), device=begun.device))
    same = (vectors - begun).flatten(1).abs().amax(1) < 1e-6
    return str(generator.classes[int(same.nonzero()[0])]) if bool(same.any()) else None


def _shown(setting: Setting, stored: dict[str, Tensor], returned: Tensor) -> list[Shown]:
    """The film's points that were better than all before them, and at last the returned one.

    All are scored in the original frame, which is the one that is shown. The returned point is the
    outcome, though a better one may have been met on the way.
    """
    import torch

    if PASSES not in stored:
        return []
    passes = [int(spent) for spent in stored[PASSES]]
    points = points_of(stored, setting.space, len(passes), PREFIX)
    with torch.no_grad():
        losses = setting.objective.original(torch.cat([points, returned])).tolist()
    kept = [k for k in range(len(passes)) if losses[k] < min(losses[:k], default=np.inf)]
    kept.append(len(passes))
    _, images = _both(setting, torch.cat([points, returned])[kept])
    moments = [*passes, passes[-1]]
    found = zip(kept, pixels(images), strict=True)
    return [Shown(moments[k], losses[k], image) for k, image in found]
