"""Figure 18: how near fine-tuning comes to the photos, against what edits still do."""

from __future__ import annotations

from p2lbench.finetuning.tradeoff import Point, of_folder
from p2lbench.report.experiment.kinds import Line, Number, Part, Tabular
from p2lbench.report.experiment.source import Source
from p2lbench.report.text import plain

_EQUAL = "the same loss for all"


def trade_off(source: Source) -> list[Part]:
    """A table of what `run` left in the folder; nothing where it left nothing."""
    found = of_folder(source.store.folder)
    if found is None:
        return []
    failed = f" {len(found.failed)} entries failed." if found.failed else ""
    return [
        Tabular(
            source.name,
            source.experiment.title,
            "Selected candidates, fine-tuned with each lambda, then edited to every other class: "
            "means over images and classes. Seen, probability: of the edited class, by "
            f"{plain(found.judge)}. Object, background: how far an edit moves pixels inside of "
            f"the mask and outside (l1).{failed}",
            heads=["method", "lambda"],
            ticks=(),
            groups=[("fine-tuning", 2), ("edited class", 2), ("an edit moves", 2)],
            columns=["loss", "weights moved", "seen", "probability", "object", "background"],
            lines=[_line(point, found.judge) for point in found.points],
        )
    ]


def _line(point: Point, judge: str) -> Line:
    weight = "not fine-tuned" if point.weight is None else f"{point.weight:g}"
    if point.protocol == "equal":
        weight += f" ({_EQUAL})"
    shares = (point.seen.get(judge), point.probability.get(judge))
    numbers = [
        *(_number(value) for value in (point.loss, point.distance)),
        *(Number("—" if value is None else f"{100 * value:.0f}%") for value in shares),
        *(_number(value) for value in (point.object, point.background)),
    ]
    return Line([plain(point.method), weight], (), numbers)


def _number(value: float | None) -> Number:
    return Number("—" if value is None else f"{value:.3g}")
