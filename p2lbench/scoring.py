"""Every metric of every returned candidate, in each frame. Not counted: it is not the search."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from p2lbench.errors import UserError
from p2lbench.models import Models
from p2lbench.objective import CellObjective, evaluated, inverted, prepared, seen, transformed
from p2lbench.record import FRAMES
from p2lbench.spec import Spec

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.losses.base import Loss

Values = tuple[float | None, ...]


@dataclass
class Scores:
    """`values`: frame → metric → one value per candidate. `missing`: metric → why it has none.
    `errors`: what a metric raised that it should not have."""

    values: dict[str, dict[str, Values]] = field(default_factory=lambda: {f: {} for f in FRAMES})
    missing: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


def score(
    objective: CellObjective, x: Tensor, metrics: Sequence[tuple[str, Spec]], models: Models
) -> Scores:
    """Score points (N, D): inside the mask in the target's frame, unmasked, and aligned."""
    import torch

    scores = Scores()
    with torch.no_grad():
        frames = _frames(objective, x)
        for label, spec in metrics:
            try:
                loss = models.get(spec)
                _refuse_small(loss, objective.target)
                for frame, values in _each_frame(loss, frames, objective.batch).items():
                    scores.values[frame][label] = finite(values)
            except UserError as error:
                scores.missing[label] = str(error).partition("\n")[0].removeprefix(f"{label}: ")
            # A metric is a plugin: whatever it raises must not take the others with it.
            except Exception as error:
                scores.errors.append(f"metric {label}: {type(error).__name__}: {error}")
    return scores


Frame = tuple["Tensor", "Tensor", "Tensor"]


def _frames(objective: CellObjective, x: Tensor) -> dict[str, Frame]:
    """frame → images (N, …), target, mask."""
    import torch

    made, target = objective.images(x), objective.target
    mask, everything = objective.foreground, torch.ones_like(objective.foreground)
    if objective.transform is None:
        inside = made, target, mask
        return {"original": inside, "aligned": inside, "unmasked": (made, target, everything)}
    phi = objective.phi(x)
    back = inverted(objective.transform, made, phi)
    moved, moved_mask = transformed(objective.transform, target, mask, phi)
    return {
        "original": (back, target, mask),
        "aligned": (made, moved, moved_mask),
        "unmasked": (back, target, everything),
    }


def _each_frame(loss: Loss, frames: Mapping[str, Frame], batch: int | None) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    done: list[tuple[Frame, Tensor]] = []
    for name, frame in frames.items():
        same = next((values for other, values in done if _equal(frame, other)), None)
        if same is None:
            same = _values(loss, frame, batch)
            done.append((frame, same))
        found[name] = same
    return found


def _values(loss: Loss, frame: Frame, batch: int | None) -> Tensor:
    """(N,), with at most `batch` images at a time; not a number where the mask has no pixel."""
    from p2lbench.microbatch import in_parts, rows_of

    images, target, mask = frame
    mask, lost = seen(mask)

    def values(some: Tensor, part: slice) -> Tensor:
        given = rows_of({"target": target, "mask": mask}, part, len(images))
        return evaluated(loss, some.clone(), prepared(loss, given["target"], given["mask"]))

    return in_parts(values, images, batch or len(images)).masked_fill(lost, math.nan)


def _equal(one: Frame, other: Frame) -> bool:
    return all(a is b or bool(a.equal(b)) for a, b in zip(one, other, strict=True))


def _refuse_small(loss: Loss, target: Tensor) -> None:
    side = min(target.shape[-2:])
    least = getattr(loss, "min_size", 1)
    if side < least:
        raise UserError(f"needs images of {least} pixels, these have {side}; set resize")


def finite(values: Tensor) -> Values:
    """As numbers, None where not finite."""
    return tuple(v if math.isfinite(v) else None for v in values.double().tolist())
