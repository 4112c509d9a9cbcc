"""What a suite's trade-off (`finetune`) costs after its cells: entries, passes, seconds."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2lbench.errors import UserError
from p2lbench.finetuning.wanted import Wanted
from p2lbench.models import Models
from p2lbench.plan import PlanRow, Task

if TYPE_CHECKING:
    from p2lbench.project import Setting
    from p2lbench.projection import Projection

STEPS = 6  # that are timed


@dataclass(frozen=True)
class Tuning:
    """Measured seconds: of a step of eq. 6, and of an entry beside its steps."""

    step: float
    entry: float

    def seconds(self, wanted: Wanted) -> float:
        """Of one cell's entries, with all the steps that they may take."""
        return sum(self.entry + self.step * steps for steps in _steps(wanted))


@dataclass(frozen=True)
class TuningEstimate:
    """All entries, one after the other. `passes`, `seconds`: at most, since fine-tuning stops at a
    loss; `seconds` None if they are not known."""

    entries: int
    passes: int
    seconds: float | None

    @classmethod
    def of(cls, wanted: Wanted, cells: Iterable[tuple[int, Tuning | None]]) -> TuningEstimate:
        """Of so many cells each, with what was measured for them."""
        cells, steps = list(cells), _steps(wanted)
        many = sum(number for number, _ in cells)
        # A gradient is two passes; at the end there is a loss alone. Edits are not counted.
        passes = sum(2 * count + 1 for count in steps if count)
        seconds = sum(k * (inf if each is None else each.seconds(wanted)) for k, each in cells if k)
        return cls(many * len(steps), many * passes, None if seconds == inf else seconds)

    def to_json(self) -> dict[str, Any]:
        """As `validate --json` has it."""
        seconds = None if self.seconds is None else round(self.seconds, 1)
        return {**vars(self), "seconds": seconds}


def timed(task: Task, wanted: Wanted, setting: Setting, models: Models) -> Tuning | None:
    """Fine-tune and edit the mean of the prior; None if that cannot be done.

    The generator's weights are as they were afterwards.
    """
    from p2lbench.finetuning.descent import copies, restore
    from p2lbench.projection import Projection

    row = PlanRow(task.cell.method.row, task.cell.image.name, 0, task.cell.id)
    point = setting.mean[None].clone()
    projection = Projection(Path(), row, 0, task, setting, point, models)
    weights = dict(setting.generator.parameters())
    base = copies(weights)
    try:
        return _timed(projection, wanted)
    except UserError:
        return None
    finally:
        restore(weights, base)


def _timed(projection: Projection, wanted: Wanted) -> Tuning:
    from p2lbench.finetuning import editing
    from p2lbench.finetuning.descent import descend
    from p2lbench.finetuning.options import Options

    judges = editing.classifiers(wanted.classifiers, projection.models.device)
    options = replace(next((o for _, o in wanted.variants() if o), Options()), stop=0.0)
    one = descend(projection, replace(options, steps=1)).seconds
    more = descend(projection, replace(options, steps=1 + STEPS)).seconds
    began = time.monotonic()
    editing.measured(projection, editing.targets(projection, wanted.classes), judges)
    edits = time.monotonic() - began
    step = max(more - one, 1e-6) / STEPS
    return Tuning(step, max(one - step, 0.0) + edits)


def _steps(wanted: Wanted) -> list[int]:
    """At most, of each entry of a cell."""
    return [0 if options is None else options.steps for _, options in wanted.variants()]
