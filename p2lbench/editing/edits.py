"""Which edits a command asks for, and how far each goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from p2lbench.directions.classes import check_classes, class_change
from p2lbench.directions.direction import Edit
from p2lbench.directions.named import Directions
from p2lbench.editing.edited import Step, walk
from p2lbench.editing.strengths import read_strengths, spread
from p2lbench.errors import UserError
from p2lbench.projection import Projection

if TYPE_CHECKING:
    from p2lbench.generators.base import Generator


@dataclass(frozen=True)
class Asked:
    """Names of classes and of directions, in this order, and a strength for all or one for each;
    `every_class`: all classes instead of named ones, at strength 1 unless it is said."""

    classes: Sequence[str] = ()
    directions: Sequence[str] = ()
    strengths: Sequence[str] = ()
    every_class: bool = False

    def __post_init__(self) -> None:
        """Raises: UserError if they do not go together."""
        count = len(self.classes) + len(self.directions)
        if self.every_class and count:
            raise UserError("--all-classes goes without --class and --direction")
        if not self.every_class and not count:
            raise UserError("say what to edit: --class NAME, --direction NAME or --all-classes")
        if self.every_class:
            count = 1
        if len(self.strengths) not in (0, 1, count):
            raise UserError(
                f"--strength: expected one for all or {count}, one for each class and then each "
                f"direction; got {len(self.strengths)}"
            )


def run(projection: Projection, directions: Directions, asked: Asked) -> list[list[Step]]:
    """Every edit, step by step.

    Raises:
        UserError: no such class or direction, or a strength that is none.
    """
    strengths = [read_strengths(text) for text in asked.strengths]
    edits = _edits(projection, directions, asked)
    if asked.every_class:
        strengths = strengths or [(1.0,)]
    if not strengths:
        strengths = [spread(*edit.strengths) for edit in edits]
    if len(strengths) == 1:
        strengths = strengths * len(edits)
    return [walk(projection, edit, own) for edit, own in zip(edits, strengths, strict=True)]


def _edits(projection: Projection, directions: Directions, asked: Asked) -> list[Edit]:
    generator: Generator = projection.setting.generator
    names = list(asked.classes)
    if asked.every_class:
        check_classes(generator)
        names = [str(name) for name in generator.classes]
    held = projection.latents
    changes: list[Edit] = [class_change(generator, name) for name in names]
    return [*changes, *(directions.named(name, held) for name in asked.directions)]
