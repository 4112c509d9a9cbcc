"""The options by which commands choose a projection of a results folder."""

from __future__ import annotations

from typing import Annotated

import typer

from p2lbench.errors import UserError

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
