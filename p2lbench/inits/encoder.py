"""z from an encoder (paper, appendix A: z ~ N(E(y, c), 0.5 · I))."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any

from p2lbench.errors import Skip
from p2lbench.inits.base import Distribution, Init
from p2lbench.inits.classes import class_vector
from p2lbench.zoo import ENCODERS
from p2lbench.zoo.fmnist import CLASSES, SIZE

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from p2lbench.generators.base import Generator

WIDTH = 64


class EncoderInit(Init):
    """z around what an encoder makes of the target and the class vector.

    The class vector is the one that the row's class init gives: `{class: predicted, z: encoder}`.
    Without one it is that of the class that the suite gives, and the init speaks of c as well.
    """

    cites = ("bau2019seeing",)

    def __init__(self, noise: float = 0.5, encoder: str = "encoder-fmnist") -> None:
        """`noise`: the variance around E(y, c), the paper's by default; 0 starts all candidates at
        one point. `encoder`: an embedded encoder."""
        if not noise >= 0:
            raise ValueError(f"noise: expected a variance of at least 0, got {noise:g}")
        if encoder not in ENCODERS:
            raise ValueError(f"encoder: expected one of {', '.join(ENCODERS)}, got '{encoder}'")
        self.noise, self.encoder = noise, encoder
        self.weights = (encoder,)
        self._model: Any = None

    def load(self, device: str) -> None:
        from p2lbench import zoo

        if self._model is None:
            self._model = zoo.load_encoder(self.encoder)
        self._model.to(device)

    def distribution(
        self, target: Tensor, mask: Tensor, generator: Generator, rng: np.random.Generator
    ) -> Distribution:
        import torch

        self._check(generator)
        said = {} if "c" in self.given else {"c": (self._own_class(generator), 0.0)}
        c, _ = {**self.given, **said}["c"]
        with torch.no_grad():
            z = self._model(target, c[None])[0]
        return {"z": (z, sqrt(self.noise)), **said}

    def _check(self, generator: Generator) -> None:
        """Raises Skip for another generator than the encoder's."""
        shapes = {variable.name: tuple(variable.shape) for variable in generator.variables}
        wanted = {"z": (WIDTH,), "c": (WIDTH,)}
        differing = [name for name, shape in wanted.items() if shapes.get(name) != shape]
        if differing:
            name = differing[0]
            raise Skip(self._refusal(f"{name} {wanted[name]}", f"{shapes.get(name, 'none')}"))
        if generator.shape != (SIZE, SIZE):
            height, width = generator.shape
            raise Skip(self._refusal(f"images of {SIZE}x{SIZE}", f"{height}x{width}"))
        if tuple(generator.classes) != CLASSES:
            raise Skip(self._refusal("the ten classes of Fashion-MNIST", "others"))

    def _refusal(self, wanted: str, got: str) -> str:
        return f"'{self.encoder}' is for biggan-fmnist: it takes {wanted}, the generator has {got}"

    def _own_class(self, generator: Generator) -> Tensor:
        if self.class_id is None:
            raise Skip("the image has no class: write {class: predicted, z: encoder}")
        return class_vector(generator, self.class_id)
