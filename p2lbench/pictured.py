"""What a cell of a results folder found, as pictures in both frames, and how it was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from p2lbench.errors import StoreError
from p2lbench.film import PASSES, PREFIX
from p2lbench.models import Models
from p2lbench.objective import inverted, transformed
from p2lbench.plan import PlanRow
from p2lbench.project import Setting, prepare
from p2lbench.record import Record
from p2lbench.rescoring import task
from p2lbench.store import Store

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
class Projection:
    """A cell's candidates (N) at the generator's size, and their record.

    `images`: in the original frame; `outputs`: as the generator makes them (the same ones if there
    is no transform). `aligned`: the target and its mask as T brings them to the selected output;
    None without a transform. `latents`: the selected candidate's, by variable. `class_name`: of the
    class vector that the search began with, None if it is no class's. `shown`: only with a film.
    """

    row: tuple[str, ...]
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


def project(store: Store, row: PlanRow, models: Models) -> Projection:
    """Make the pictures of a planned cell that is ok.

    Raises:
        StoreError: the folder does not have the cell's points, or no candidate is finite.
    """
    found = store.get(row.cell)
    if found is None or found.selected is None:
        raise StoreError(f"{store.folder}: cell {row.cell} has no candidate to show")
    wanted = task(store, row, store.images()[row.image], (), models.device)
    setting = prepare(wanted, models)
    setting.objective.batch = _AT_ONCE
    stored = _tensors(found.latents, models.device)
    space = setting.space
    points = space.join({v.name: stored[v.name] for v in space.variables})
    outputs, images = _pictures(setting, points)
    selected = found.selected
    return Projection(
        row.row,
        found,
        selected,
        pixels(setting.objective.target)[0],
        None if wanted.mask is None else share(setting.objective.foreground)[0],
        pixels(images),
        pixels(outputs),
        _aligned(setting, points[selected : selected + 1]),
        {v.name: stored[v.name][selected].cpu().contiguous() for v in space.variables},
        _class(setting),
        tuple(_shown(setting, stored, points[selected : selected + 1])),
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


def _tensors(latents: bytes, device: str) -> dict[str, Tensor]:
    from safetensors.torch import load

    return {name: value.to(device) for name, value in load(latents).items()}


def _pictures(setting: Setting, points: Tensor) -> tuple[Tensor, Tensor]:
    """G(x) and T⁻¹(G(x))."""
    import torch

    objective = setting.objective
    with torch.no_grad():
        outputs = objective.images(points)
        if objective.transform is None:
            return outputs, outputs
        return outputs, inverted(objective.transform, outputs, objective.phi(points))


def _aligned(setting: Setting, point: Tensor) -> tuple[Pixels, Share] | None:
    import torch

    objective = setting.objective
    if objective.transform is None:
        return None
    with torch.no_grad():
        target, mask = transformed(
            objective.transform, objective.target, objective.foreground, objective.phi(point)
        )
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
    """The film's points and at last the returned one, those alone that were better than all before.

    All are scored in the original frame, which is the one that is shown.
    """
    import torch

    if PASSES not in stored:
        return []
    space, passes = setting.space, stored[PASSES].tolist()
    points = space.join({v.name: stored[PREFIX + v.name] for v in space.variables})
    points = torch.cat([points, returned])
    with torch.no_grad():
        losses = setting.objective.original(points).tolist()
    losses = [loss if np.isfinite(loss) else np.inf for loss in losses]
    # The returned point is the outcome, though a better one may have been met on the way.
    lowest = np.minimum.accumulate(losses[:-1])
    kept = [k for k in range(len(passes)) if losses[k] == lowest[k] < np.inf]
    kept = [k for k in kept if k == 0 or losses[k] < lowest[k - 1]]
    _, images = _pictures(setting, points[[*kept, len(passes)]])
    moments = [*(passes[k] for k in kept), passes[-1]]
    found = zip(moments, [*(losses[k] for k in kept), losses[-1]], pixels(images), strict=True)
    return [Shown(int(spent), float(loss), image) for spent, loss, image in found]
