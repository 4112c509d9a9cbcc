"""What `run` says of a suite's trade-off between fine-tuning and editing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from p2lbench.cli.common import out, relative, show, table
from p2lbench.cli.waiting import waiting

if TYPE_CHECKING:
    from p2lbench.finetuning.tradeoff import Point, TradeOff
    from p2lbench.suite import Suite


def followed(suite: Suite, folder: Path, device: str, fresh: bool) -> TradeOff | None:
    """The trade-off that a suite asks for, its progress on stderr; None if it asks for none."""
    if suite.finetune is None:
        return None
    from p2lbench.finetuning.study import study

    with waiting("trade-off: beginning") as say:
        return study(folder, suite, device, say, fresh)


def summary(found: TradeOff | None) -> dict[str, Any]:
    """What the document of `run --json` has of it: nothing where there is none."""
    if found is None:
        return {}
    total = sum(point.images + point.missing for point in found.points)
    return {"tradeoff": {"entries": total, "failed": len(found.failed)}}


def shown(found: TradeOff, folder: Path) -> None:
    """The table, what failed, and where the pictures are."""
    from p2lbench.finetuning.study import CURVES, GRID
    from p2lbench.finetuning.tradeoff import DOCUMENT

    columns = ("method", "lambda", "loss", "moved", "steps", "seen", "probability", "object")
    lines = [_line(point, found.judge) for point in found.points]
    title = "Fine-tuning against editing: the class edited, means over images and classes"
    show(table((*columns, "background"), lines, title=title))
    console = out()
    notes = [
        f"seen, probability: of the edited class, by {found.judge}. object, background: how far "
        "an edit moves pixels in and outside of the mask. moved: distance of the weights. ★: "
        "fine-tuned to one loss",
        *(
            f"failed: {' | '.join(each['row'])}, {each['image']}: {each['reason']}"
            for each in found.failed
        ),
    ]
    for note in notes:
        console.print(Text(note, "dim"), soft_wrap=True)
    for name in (CURVES, *([GRID] if (folder / GRID).exists() else []), DOCUMENT):
        console.print(Text(f"{'trade-off':<11}{relative(folder / name)}"), soft_wrap=True)


def _line(point: Point, judge: str) -> tuple[str, ...]:
    weight = "none" if point.weight is None else f"{point.weight:g}"
    star = " ★" if point.protocol == "equal" else ""
    numbers = (point.loss, point.distance, point.steps)
    shares = (point.seen.get(judge), point.probability.get(judge))
    moved = (point.object, point.background)
    return (
        point.method,
        weight + star,
        *(_number(value) for value in numbers),
        *("—" if value is None else f"{100 * value:.0f}%" for value in shares),
        *(_number(value) for value in moved),
    )


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.3g}"
