"""The options by which commands choose a projection of a results folder."""

from __future__ import annotations

from typing import Annotated

import typer

IMAGE = Annotated[
    str | None, typer.Option("--image", metavar="NAME", help="Needless where there is one image.")
]
ROW = Annotated[
    str | None,
    typer.Option("--row", metavar="NAME", help="Of the leaderboard, such as 'adam | spatial'."),
]
REPEAT = Annotated[int | None, typer.Option("--repeat", help="Default: the first.")]
CANDIDATE = Annotated[
    int | None, typer.Option("--candidate", help="By number from 0; default: the selected one.")
]
FINETUNED = Annotated[
    str | None,
    typer.Option("--finetuned", metavar="NAME", help="With weights that `finetune` left."),
]
