"""Inits of the class vector (paper, section 3.4 and Table 2: c0 = W · onehot of some class)."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, lgamma, sqrt
from typing import TYPE_CHECKING, Any, Literal

from p2lbench import zoo
from p2lbench.errors import Skip
from p2lbench.inits.base import Distribution, Init

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn

    from p2lbench.generators.base import Generator


class GroundTruth(Init):
    """The class that the suite gives."""

    needs_class = True

    def distribution(
        self, target: Tensor, mask: Tensor, generator: Generator, rng: np.random.Generator
    ) -> Distribution:
        if self.class_id is None:
            raise Skip("the image has no class: give it one, or use another init")
        return {"c": (class_vector(generator, self.class_id), 0.0)}


class Predicted(Init):
    """The class that a classifier predicts for the target."""

    def __init__(self, classifier: str = "percep-fmnist") -> None:
        """`classifier`: one with the same classes as the generator: `percep-fmnist`,
        `percep-fmnist-heldout`, or `resnext101` for those of ImageNet."""
        if classifier not in CLASSIFIERS:
            known = ", ".join(CLASSIFIERS)
            raise ValueError(f"classifier: expected one of {known}, got '{classifier}'")
        self.classifier = classifier
        self.weights = (classifier,)
        self.cites = ("xie2016aggregated",) if classifier == "resnext101" else ()
        self._model: Any = None

    def load(self, device: str) -> None:
        if self._model is None:
            self._model = CLASSIFIERS[self.classifier](self.classifier)
        self._model.to(device)

    def distribution(
        self, target: Tensor, mask: Tensor, generator: Generator, rng: np.random.Generator
    ) -> Distribution:
        import torch

        with torch.no_grad():
            logits = self._model(target)
        if logits.shape[1] != len(generator.classes):
            others = ", ".join(name for name in CLASSIFIERS if name != self.classifier)
            raise Skip(
                f"'{self.classifier}' knows {logits.shape[1]} classes, "
                f"the generator {len(generator.classes)}; other classifiers: {others}"
            )
        return {"c": (class_vector(generator, int(logits.argmax())), 0.0)}


def _imagenet(name: str) -> nn.Module:
    from p2lbench.inits import imagenet
    from p2lbench.weights import locate

    return imagenet.load(locate(name).path)


# Name in the catalogue of weights → what loads the classifier: images in [-1, 1] to logits.
CLASSIFIERS: dict[str, Callable[[str], nn.Module]] = {
    **dict.fromkeys(zoo.CLASSIFIERS, zoo.load_classifier),
    "resnext101": _imagenet,
}


class RandomClass(Init):
    """A class drawn for the cell, the same one for all its candidates; repeats draw others."""

    def distribution(
        self, target: Tensor, mask: Tensor, generator: Generator, rng: np.random.Generator
    ) -> Distribution:
        drawn = int(rng.integers(_count(generator)))
        return {"c": (class_vector(generator, drawn), 0.0)}


class RandomGaussian(Init):
    """A normal class vector around 0 for each candidate, whatever the classes' vectors are."""

    def __init__(self, norm: Literal["drawn", "matched"] = "drawn") -> None:
        """`norm`: `drawn`, N(0, I) as in the paper; `matched`, N(0, s² I), where s makes the
        expected length the mean length of the generator's class vectors."""
        self.norm = norm

    def distribution(
        self, target: Tensor, mask: Tensor, generator: Generator, rng: np.random.Generator
    ) -> Distribution:
        import torch

        vectors = generator.embed(torch.arange(_count(generator)))
        mean = torch.zeros_like(vectors[0])
        if self.norm == "drawn":
            return {"c": (mean, 1.0)}
        length = float(vectors.flatten(1).norm(dim=1).mean())
        return {"c": (mean, length / normal_length(mean.numel()))}


def normal_length(dim: int) -> float:
    """The expected length of a draw from N(0, I) in `dim` dimensions: the chi distribution's."""
    return sqrt(2) * exp(lgamma((dim + 1) / 2) - lgamma(dim / 2))


def _count(generator: Generator) -> int:
    """How many classes there are to draw from.

    Raises:
        Skip: the generator has no classes, or does not say which.
    """
    if not generator.conditional:
        raise Skip("the generator has no classes")
    if not generator.classes:
        raise Skip("the generator does not name its classes")
    return len(generator.classes)


def class_vector(generator: Generator, class_id: int) -> Tensor:
    """The class vector of one class.

    Raises:
        Skip: the generator has no classes.
    """
    import torch

    if not generator.conditional:
        raise Skip("the generator has no classes")
    return generator.embed(torch.tensor([class_id]))[0]
