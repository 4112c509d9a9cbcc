"""What a cell leaves behind: its points, scored and described."""

from __future__ import annotations

import io
import os
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import p2lbench
from p2lbench.diagnostics import diagnose, gap
from p2lbench.models import Models
from p2lbench.objective import inverted
from p2lbench.plan import Cell, Task
from p2lbench.record import Record, Rescored, Status
from p2lbench.root import Root
from p2lbench.sample import made_by
from p2lbench.scoring import Values, finite, score
from p2lbench.storedpoints import SEEN, points_of, tensors_of

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.project import Setting


def recorded(task: Task, setting: Setting, root: Root, points: Tensor, models: Models) -> Record:
    """The record of the points (N, D) that a cell's method returned."""
    from safetensors.torch import save

    points = points.clamp(min=setting.space.low, max=setting.space.high)
    objective, images = _outcome(setting, points)
    scores = score(setting.objective, points, task.metrics, models)
    root.ledger.target_preparations = setting.objective.ledger.target_preparations
    broken = not bool(points.isfinite().all() and objective.isfinite().all())
    reason = "a returned candidate is not finite" if broken else "; ".join(scores.errors)
    latents = {k: v.contiguous() for k, v in setting.space.split(points).items()}
    seen = setting.space.split(root.best.points())
    film = {} if root.film is None else root.film.tensors(setting.space)
    diagnostics, undiagnosed = (
        ({}, {}) if broken else _diagnosed(task, setting, root, points, models)
    )
    return Record(
        task.cell.id,
        "diverged" if broken else "failed" if scores.errors else "ok",
        reason,
        objective=finite(objective),
        start=fingerprint(root.start),
        metrics=scores.values,
        missing={**scores.missing, **undiagnosed},
        diagnostics=diagnostics,
        ledger=root.ledger.plain(),
        trace=root.trace(),
        notes=tuple(root.notes),
        environment=environment(task.cell),
        latents=save(
            {**latents, **{f"{SEEN}{k}": v.contiguous() for k, v in seen.items()}, **film}
        ),
        images=strip(images),
    )


def rescored(task: Task, setting: Setting, root: Root, models: Models) -> Rescored:
    """All that follows from points that an earlier run left.

    Raises:
        ValueError: they are not points of this cell.
    """
    import torch

    stored, space, n = tensors_of(task.latents), setting.space, len(root.start)
    points = points_of(stored, space, n)
    seen = [name for name in stored if name.startswith(SEEN)]
    best = points_of(stored, space, n, SEEN) if seen else None
    objective, images = _outcome(setting, points)
    scores = score(setting.objective, points, task.metrics, models)
    diagnostics, undiagnosed = _diagnosed(task, setting, root, points, models)
    with torch.no_grad():
        frames = setting.objective.original, setting.objective.aligned
        found = () if best is None else tuple(finite(frame(best)) for frame in frames)
    status: Status = "failed" if scores.errors else "ok"
    return Rescored(
        task.cell.id,
        status,
        "; ".join(scores.errors),
        objective=finite(objective),
        start=fingerprint(root.start),
        metrics=scores.values,
        missing={**scores.missing, **undiagnosed},
        diagnostics=diagnostics,
        images=strip(images),
        best_seen=dict(zip(("original", "aligned"), found, strict=False)),
    )


def _outcome(setting: Setting, points: Tensor) -> tuple[Tensor, Tensor]:
    """The objective (N,) of points (N, D) and their images, both in the original frame."""
    import torch

    with torch.no_grad():
        objective = setting.objective.original(points)
        images = setting.objective.images(points)
        if (transform := setting.objective.transform) is not None:
            images = inverted(transform, images, setting.objective.phi(points))
    return objective, images


def fingerprint(start: Tensor) -> Values:
    """A number for each of the starts (N, D): their columns summed with the weights
    cos(1), cos(2), …, over √D.

    Other starts give other numbers; the same starts on another machine, rounded otherwise, nearly
    the same ones, which no hash would.
    """
    import torch

    columns = torch.arange(1, start.shape[1] + 1, dtype=torch.float64, device=start.device)
    return finite(start.double() @ columns.cos() / len(columns) ** 0.5)


def _diagnosed(
    task: Task, setting: Setting, root: Root, points: Tensor, models: Models
) -> tuple[dict[str, Values], dict[str, str]]:
    """Diagnostics, and why there are none."""
    sample, generator = task.cell.image.sample, task.cell.method.generator.spec
    try:
        # Copies: what a plugin does to them must not reach what is stored.
        found = diagnose(setting.objective, points.clone(), root.start, setting.truth)
        if sample is not None and sample.generator == made_by(generator, models.registry):
            found |= gap(setting.objective, points.clone(), dict(sample.point))
        return found, {}
    # They ask plugins, too: whatever one raises must not take the scores with it.
    except Exception as error:
        return {}, {"diagnostics": describe(error)}


def strip(images: Tensor) -> bytes:
    """(N, 3, H, W) in [-1, 1] side by side, as PNG."""
    import numpy as np
    from PIL import Image

    flat = images.detach().nan_to_num(-1).clamp(-1, 1).permute(2, 0, 3, 1).flatten(1, 2)
    pixels = ((flat + 1) * 127.5).round().to("cpu").numpy().astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def environment(cell: Cell) -> dict[str, Any]:
    """What the numbers were made with."""
    import torch

    from p2lbench import __version__

    return {
        "p2lbench": __version__,
        "torch": torch.__version__,
        "device": cell.device,
        "dtype": "float32",
        "threads": cell.threads,
    }


def describe(error: BaseException) -> str:
    """The error, and the last line of a plugin's own code that it passed through."""
    import torch

    frames = list(traceback.extract_tb(error.__traceback__))
    parts = (str(Path(module.__file__ or "").parent) for module in (p2lbench, torch))
    ours = tuple(part + os.sep for part in parts)
    frames = [frame for frame in frames if not frame.filename.startswith(ours)] or frames
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"
