"""The options by which commands choose a projection of a results folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from p2lbench.cli.executors import chosen_device
from p2lbench.cli.waiting import waiting
from p2lbench.errors import UserError

if TYPE_CHECKING:
    from p2lbench.projection import Projection
    from p2lbench.registry import Registry

IMAGE = Annotated[
    str | None, typer.Option("--image", metavar="NAME", help="Needless where there is one image.")
]
ROW = Annotated[
    str | None,
    typer.Option("--row", metavar="NAMES", help="Of the leaderboard, such as 'adam | spatial'."),
]
REPEAT = Annotated[int | None, typer.Option("--repeat", min=0, help="Default: the first.")]
CANDIDATE = Annotated[
    int | None,
    typer.Option("--candidate", min=0, help="By number from 0; default: the selected one."),
]
FINETUNED = Annotated[
    str | None,
    typer.Option("--finetuned", metavar="NAME", help="With weights that `finetune` left."),
]


def refuse_doubled(option: str, given: object, *others: object) -> None:
    """Raises: UserError if what an option names has a cell of its own, and others are given too."""
    if given is not None and any(other is not None for other in others):
        raise UserError(f"{option} tells row, image, repeat and candidate: leave their options out")


def loaded(
    folder: Path,
    plugins: Sequence[Path] | None,
    device: str,
    row: str | None,
    image: str | None,
    repeat: int | None,
    candidate: int | None,
    finetuned: str | None = None,
) -> tuple[Projection, Registry]:
    """The projection that the options name, and the plugins that it was loaded with.

    Raises: UserError, StoreError: as `projection.load`.
    """
    from p2lbench.plugins import load as load_plugins
    from p2lbench.projection import load

    with waiting("loading the projection"):
        registry = load_plugins(plugins or []).registry
        projection = load(
            folder,
            registry,
            row=row,
            image=image,
            repeat=repeat,
            candidate=candidate,
            finetuned=finetuned,
            device=chosen_device(device),
        )
    return projection, registry
