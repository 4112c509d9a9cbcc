"""BigGAN-deep (Brock et al., 2019) as `pytorch_pretrained_biggan` defines it."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from p2lbench.generators.base import Generator, ObjectStats
from p2lbench.space import Variable
from p2lbench.zoo.fmnist import CLASSES

if TYPE_CHECKING:
    from torch import Tensor


class BigGAN(Generator):
    """A class-conditional BigGAN whose class vector c = W · onehot is a variable (paper, eq. 1).

    z is kept within ±2 (section 3.1). Step sizes are the paper's: 0.05 for z, 0.0001 for c.
    """

    conditional = True
    variable_names = ("z", "c")

    def __init__(self, truncation: float = 1.0) -> None:
        """`truncation`: whose batch-norm statistics to use, above 0 and at most 1."""
        if not 0 < truncation <= 1:
            raise ValueError(f"truncation: expected above 0 and at most 1, got {truncation:g}")
        self.truncation = truncation
        self._model: Any = None

    @abstractmethod
    def _read(self) -> Any:
        """The package's model, in eval mode."""

    def load(self, device: str) -> None:
        if self._model is None:
            self._model = inference_form(self._read())
        self._model.to(device)

    @property
    def variables(self) -> tuple[Variable, ...]:  # type: ignore[override]
        vectors = self._model.embeddings.weight.T
        width = vectors.shape[1]
        std = vectors.std(0).clamp(min=1e-6)
        return (
            Variable("z", (width,), bound=2.0, step=0.05),
            Variable("c", (width,), vectors.mean(0), std, step=0.0001, role="gradient"),
        )

    def forward(self, **latents: Tensor) -> Tensor:
        import torch

        condition = torch.cat([latents["z"], latents["c"]], dim=1)
        images: Tensor = self._model.generator(condition, self.truncation)
        return images

    def embed(self, class_ids: Tensor) -> Tensor:
        vectors: Tensor = self._model.embeddings.weight.T[class_ids]
        return vectors


class BigGANFashionMNIST(BigGAN):
    """The embedded BigGAN-deep, 32×32, trained on Fashion-MNIST's training photos."""

    size = (32, 32)
    classes = tuple(CLASSES)
    fill = -1.0
    object_stats = ObjectStats((0.5, 0.5), (0.875, 0.844))  # p2lbench measure-objects biggan-fmnist
    weights = ("biggan-fmnist",)
    default_loss = {"l1": 1.0, "percep-fmnist": 10.0}  # noqa: RUF012 (never changed)
    default_metrics = ("percep-fmnist", "percep-fmnist-heldout")

    def _read(self) -> Any:
        from p2lbench import zoo

        return zoo.load_biggan_fmnist()


def inference_form(model: Any) -> Any:
    """The same function at less cost: spectral norm folded into the weights, weights frozen, and
    of the last convolution only the three channels that the package's forward keeps."""
    from torch import nn
    from torch.nn.utils import remove_spectral_norm

    for module in model.modules():
        if hasattr(module, "weight_orig"):
            remove_spectral_norm(module)
    last = model.generator.conv_to_rgb
    last.weight = nn.Parameter(last.weight[:3].contiguous())
    last.bias = nn.Parameter(last.bias[:3].contiguous())
    return model.eval().requires_grad_(False)
