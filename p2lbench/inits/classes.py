"""Inits of the class vector (paper, section 3.4: c0 = W · onehot of the predicted class)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from p2lbench.errors import Skip
from p2lbench.inits.base import Distribution, Init

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

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
        """`classifier`: an embedded classifier, with the same classes as the generator."""
        self.classifier = classifier
        self.weights = (classifier,)
        self._model: Any = None

    def load(self, device: str) -> None:
        from p2lbench import zoo

        if self._model is None:
            self._model = zoo.load_classifier(self.classifier)
        self._model.to(device)

    def distribution(
        self, target: Tensor, mask: Tensor, generator: Generator, rng: np.random.Generator
    ) -> Distribution:
        import torch

        with torch.no_grad():
            logits = self._model(target)
        if logits.shape[1] != len(generator.classes):
            raise Skip(
                f"'{self.classifier}' knows {logits.shape[1]} classes, "
                f"the generator {len(generator.classes)}"
            )
        return {"c": (class_vector(generator, int(logits.argmax())), 0.0)}


def class_vector(generator: Generator, class_id: int) -> Tensor:
    """The class vector of one class.

    Raises:
        Skip: the generator has no classes.
    """
    import torch

    if not generator.conditional:
        raise Skip("the generator has no classes")
    return generator.embed(torch.tensor([class_id]))[0]
