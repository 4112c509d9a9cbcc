"""The projection that an edit begins with, with the run's weights or with fine-tuned ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from p2lbench.errors import UserError
from p2lbench.projection import Projection, load
from p2lbench.registry import Registry


@dataclass(frozen=True)
class Choice:
    """What chooses it; each as of `projection.load`, `finetuned` by name."""

    row: str | None = None
    image: str | None = None
    repeat: int | None = None
    candidate: int | None = None
    finetuned: str | None = None


def loaded(folder: Path, registry: Registry, choice: Choice, device: str) -> Projection:
    """Read a projection from its results folder.

    Raises:
        UserError: there is no such one, or several; StoreError: it cannot be used.
    """
    if choice.finetuned is not None:
        raise UserError("--finetuned: not here yet")
    return load(
        folder,
        registry,
        row=choice.row,
        image=choice.image,
        repeat=choice.repeat,
        candidate=choice.candidate,
        device=device,
    )
