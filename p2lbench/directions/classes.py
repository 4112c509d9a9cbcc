"""The class vector moved to another class's (paper, figures 1 and 11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from p2lbench.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from torch import Tensor

    from p2lbench.generators.base import Generator

CLASS_VECTOR = "c"


@dataclass(frozen=True)
class ClassChange:
    """c on the straight line to the vector of a class: 0 leaves it, 1 is that class.

    What the projection's c has besides its own class fades with it: at 1 nothing of it is left, so
    that the result is of the class asked for wherever c was.
    """

    class_name: str
    vector: Tensor = field(repr=False, compare=False)
    strengths: tuple[float, float, int] = (0.0, 1.0, 5)
    unit: str = "of the way to the class"

    @property
    def name(self) -> str:
        """As of `Edit`."""
        return f"class {self.class_name}"

    def moved(self, latents: Mapping[str, Tensor], strength: float) -> dict[str, Tensor]:
        """As of `Edit`."""
        here = latents[CLASS_VECTOR]
        return {CLASS_VECTOR: here + strength * (self.vector.to(here) - here)}


def class_change(generator: Generator, asked: str) -> ClassChange:
    """The change to a class by its name, or by its number from 0.

    Raises:
        UserError: the generator has no classes, or not this one.
    """
    import torch

    check_classes(generator)
    names = [str(name) for name in generator.classes]
    if asked in names:
        number = names.index(asked)
    elif asked.isdecimal() and int(asked) < len(names):
        number = int(asked)
    else:
        near = did_you_mean(asked, names)
        listed = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
        raise UserError(f"--class: no class '{asked}'.{near} There are: {listed}")
    vector = generator.embed(torch.tensor([number]))
    return ClassChange(names[number], vector[0].detach())


def check_classes(generator: Generator) -> None:
    """Raises: UserError if the generator takes no class vector."""
    known = [variable.name for variable in generator.variables]
    if not generator.conditional or not generator.classes or CLASS_VECTOR not in known:
        raise UserError(
            f"{type(generator).__name__} has no classes to change to: use --direction pca:0"
        )
