"""The trade-off that a suite asks for under `finetune`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from p2lbench.finetuning.options import Options

Protocol = Literal["none", "weight", "equal"]


class Variant(NamedTuple):
    """One way to treat a projection before it is edited: not at all (`options` None), with a
    weight, or until it has a given loss."""

    protocol: Protocol
    options: Options | None

    def plain(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "protocol": self.protocol,
            "options": None if self.options is None else vars(self.options),
        }


@dataclass(frozen=True)
class Wanted:
    """`weights`: with a lambda each; `equal`: until a loss that all methods come to, as in the
    paper's user study. `classifiers` look at the edited classes; `classes`: which, None for all."""

    weights: tuple[Options, ...]
    equal: Options | None
    classifiers: tuple[str, ...]
    classes: tuple[str | int, ...] | None

    def variants(self) -> Iterator[Variant]:
        """As projected, then each of the others."""
        yield Variant("none", None)
        for options in self.weights:
            yield Variant("weight", options)
        if self.equal is not None:
            yield Variant("equal", self.equal)


def wanted(written: Any) -> Wanted:
    """From the key's checked values (`suitefile.WrittenFinetune`)."""
    lr, on, equal, edits = written.lr, written.stop_on, written.equal, written.edits
    return Wanted(
        tuple(Options(k, lr, written.stop, on, written.steps) for k in written.weights),
        None if equal is None else Options(equal.weight, lr, equal.stop, on, equal.steps),
        tuple(edits.classifiers),
        None if edits.classes is None else tuple(edits.classes),
    )
