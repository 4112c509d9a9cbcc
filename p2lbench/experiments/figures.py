"""The paper's figures that are measurements. Their numbers are in no text: claims alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from p2lbench.experiments.model import Claim, Entry, Experiment
from p2lbench.experiments.sides import Side, against
from p2lbench.spec import canonical

FIGURE10 = Experiment(
    "figure 10",
    "Figure 10, section 4",
    (
        "Which of 16 groups of classes the generator struggles with: LPIPS-VGG by group, with "
        "standard errors, of CMA and then Adam with a transform.",
        "Objects with delicate structures, and groups whose classes differ much, are hard.",
    ),
)

FIGURE12 = Experiment(
    "figure 12",
    "Figure 12, section 4",
    (
        "Photos are projected into z, the first latent of StyleGAN2, and not into an intermediate "
        "one: the nine best candidates of BasinCMA and of Adam are shown.",
        "Aligned faces can often be had with gradients alone. Cars, which vary more, mostly need "
        "BasinCMA.",
    ),
    (Claim("BasinCMA has less error than Adam", against(Side("basincma"), Side("adam"))),),
)

_STEPS = ("outer_steps", "inner_steps")
_OTHERS = re.compile(r"nevergrad:(?!.*(CMA|NGOpt)).*")

FIGURE14 = Experiment(
    "figure 14",
    "Figure 14, appendix D",
    (
        "Of Nevergrad's searches without gradients, with default settings, CMA and its variants "
        "reach the lowest objective.",
        "It was measured on a smaller set of images than the tables.",
    ),
    (
        Claim(
            "CMA has less error than searches that are not of its family",
            against(Side("nevergrad:CMA"), Side(_OTHERS)),
        ),
    ),
)

FIGURE15 = Experiment(
    "figure 15",
    "Figure 15, appendix D",
    (
        "Which variant of CMA draws the points that Adam descends from makes little difference: "
        "there is no clear winner.",
        "It was measured on a smaller set of images than the tables.",
    ),
    (
        Claim(
            "a variant of CMA ends where CMA does",
            against(Side("CMA over Adam"), Side(re.compile(r".+ over Adam"))),
            says="alike",
            margin=1.1,
        ),
    ),
)


def steps_of(entry: Entry) -> tuple[int, int] | None:
    """How many updates of CMA a row makes, and how many of Adam after each."""
    options = {} if entry.method is None else entry.method.optimizer.spec.options
    outer, inner = (options.get(name) for name in _STEPS)
    if not isinstance(outer, int) or not isinstance(inner, int):
        return None
    return outer, inner


def beside_steps(entry: Entry) -> str:
    """All else of a row, as text: rows that share it differ in their steps alone."""
    plain = {} if entry.method is None else entry.method.optimizer.spec.plain()
    options = {k: v for k, v in plain.get("options", {}).items() if k not in _STEPS}
    return canonical([entry.labels[:4], {**plain, "options": options}])


def _alike(entries: Sequence[Entry]) -> Iterable[dict[int, tuple[int, int]]]:
    """Rows that differ in their steps alone: index → steps."""
    groups: dict[str, dict[int, tuple[int, int]]] = {}
    for k, entry in enumerate(entries):
        if steps := steps_of(entry):
            groups.setdefault(beside_steps(entry), {})[k] = steps
    return groups.values()


def _balanced(entries: Sequence[Entry]) -> Iterator[tuple[int, int]]:
    """Rows with as many updates of each, against those with as many in all that are not."""
    for steps in _alike(entries):
        for i, (outer, inner) in steps.items():
            for j, other in steps.items():
                if outer == inner and other[0] != other[1] and outer * inner == other[0] * other[1]:
                    yield i, j


def _more(entries: Sequence[Entry]) -> Iterator[tuple[int, int]]:
    """The row with the most updates of both, against the others with as many of each."""
    for steps in _alike(entries):
        square = {one: k for k, one in steps.items() if one[0] == one[1]}
        best = square.get(max(square, default=(0, 0)))
        if best is not None:
            yield from ((best, k) for k in square.values() if k != best)


FIGURE17 = Experiment(
    "figure 17",
    "Figure 17, appendix D",
    (
        "BasinCMA with more or fewer updates of CMA, and of Adam after each: LPIPS-VGG is lowest "
        "where there are about as many of one as of the other.",
        "More of both is better: 50 by 50 is best and takes over 20 minutes an image, and the "
        "paper settles for 30 by 30.",
    ),
    (
        Claim("as many of each has less error than an uneven split", _balanced),
        Claim("more of both has less error", _more),
    ),
)

FIGURE18 = Experiment(
    "figure 18",
    "Figure 18, appendix D",
    (
        "A lower weight of the regularisation lets fine-tuning fit the photo more closely, and "
        "leaves more artefacts in its edits.",
        "So a good fit before fine-tuning matters.",
    ),
)
