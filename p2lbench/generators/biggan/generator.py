"""The generators that are a BigGAN-deep (Brock et al. 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from p2lbench.errors import UserError
from p2lbench.generators.base import Generator, ObjectStats
from p2lbench.generators.biggan.config import PUBLISHED, Config, read_config
from p2lbench.generators.biggan.statistics import Interpolation, Statistics
from p2lbench.space import Variable
from p2lbench.zoo.fmnist import CLASSES

if TYPE_CHECKING:
    from torch import Tensor

# Of BigGAN-256's samples, as the paper's authors measured and published them with their code.
_OBJECTS = ObjectStats((137 / 255, 127 / 255), (213 / 255, 210 / 255))
_IMAGENET = 1000
# What fine-tuning leaves: vectors of classes, which are what c moves among; and the constant parts
# of the conditional norms, in which their statistics are.
_STAY = ("embeddings", "affine_bias")


class BigGAN(Generator):
    """A BigGAN-deep with classes whose vector c = W · onehot is a variable (paper, eq. 1).

    z is kept within ±2 (section 3.1). Step sizes are the paper's: 0.05 for z, 0.0001 for c.
    """

    conditional = True
    variable_names = ("z", "c")
    cites: tuple[str, ...] = ("brock2019large",)

    def __init__(
        self,
        truncation: float = 1.0,
        interpolation: Interpolation = "package",
        compiled: bool = False,
    ) -> None:
        """Options that all have.

        Args:
            truncation: whose batch-norm statistics to use, above 0 and at most 1.
            interpolation: between the truncations that have statistics: `package`, as
                pytorch_pretrained_biggan does it, with the two weights swapped; or `linear`.
            compiled: let torch.compile translate the network; takes minutes per worker.
        """
        self.statistics = Statistics(truncation, interpolation)
        self.compiled = compiled
        self._network: Any = None
        self._function: Any = None

    def _read(self) -> tuple[Config, dict[str, Tensor]]:
        """The architecture and the tensors, by the names of pytorch_pretrained_biggan."""
        from p2lbench.generators.biggan.checkpoint import read
        from p2lbench.weights import locate

        return read(locate(self.weights[0]).path)

    def load(self, device: str) -> None:
        if self._network is None:
            from p2lbench.generators.biggan.network import Network

            self._network = Network(*self._read(), self.statistics)
        self._function = self._network.to(device)
        if self.compiled:
            self._function = _compiled(self._network)

    @property
    def variables(self) -> tuple[Variable, ...]:  # type: ignore[override]
        vectors = self._network.embeddings
        width = vectors.shape[1]
        std = vectors.std(0, correction=min(1, len(vectors) - 1)).clamp(min=1e-6)
        return (
            Variable("z", (width,), bound=2.0, step=0.05),
            Variable("c", (width,), vectors.mean(0), std, step=0.0001, role="gradient"),
        )

    def forward(self, **latents: Tensor) -> Tensor:
        """z (n, z_dim) and c (n, z_dim), to images (n, 3, side, side) in [-1, 1]."""
        import torch

        images: Tensor = self._function(torch.cat([latents["z"], latents["c"]], dim=1))
        return images

    def parameters(self) -> Mapping[str, Tensor]:
        """The folded weights; the classes' vectors and the statistics of batch norm stay."""
        # Compiled code would be translated again for every change.
        self._function = self._network
        return {name: w for name, w in self._network.named_buffers() if name not in _STAY}

    def embed(self, class_ids: Tensor) -> Tensor:
        """(n,) → (n, z_dim)."""
        vectors: Tensor = self._network.embeddings[class_ids]
        return vectors

    def features(self, **latents: Tensor) -> Tensor:
        """z and c, to what the first layer makes (n, 16 channels), as GANSpace takes them."""
        import torch

        made: Tensor = self._network.seed(torch.cat([latents["z"], latents["c"]], dim=1))
        return made


class BigGANFashionMNIST(BigGAN):
    """The embedded BigGAN-deep, 32×32, trained on Fashion-MNIST's training photos."""

    size = (32, 32)
    classes = tuple(CLASSES)
    fill = -1.0
    object_stats = ObjectStats((0.5, 0.5), (0.875, 0.844))  # p2lbench measure-objects biggan-fmnist
    weights = ("biggan-fmnist",)
    cites = (*BigGAN.cites, "xiao2017fashion")
    default_loss = {"l1": 1.0, "percep-fmnist": 10.0}  # noqa: RUF012 (never changed)
    default_metrics = ("percep-fmnist", "percep-fmnist-heldout")


class BigGANDeep(BigGAN):
    """A BigGAN-deep checkpoint, published or the user's own, at any resolution."""

    default_loss = {"l1": 1.0, "lpips-alex": 10.0}  # noqa: RUF012 (never changed)
    default_metrics = ("lpips-alex", "lpips-vgg")

    def __init__(
        self,
        weights: str,
        truncation: float = 1.0,
        interpolation: Interpolation = "package",
        compiled: bool = False,
        object_stats: ObjectStats | None = None,
    ) -> None:
        """Options as for `BigGAN`, and:

        Args:
            weights: its name, `p2lbench weights add FILE --as NAME`.
            object_stats: where its objects are, which `p2lbench measure-objects` tells; `prealign`
                needs it.
        """
        super().__init__(truncation, interpolation, compiled)
        self.weights, self.object_stats = (weights,), object_stats
        if (config := _config(weights)) is not None:
            self.size = (config.side, config.side)
            self.classes = _class_names(config.num_classes)

    def _read(self) -> tuple[Config, dict[str, Tensor]]:
        config, state = super()._read()
        name = self.weights[0]
        if config != PUBLISHED.get(name, config):
            raise UserError(f"{name}: its file is another BigGAN-deep, of side {config.side}")
        return config, state


def deep_128(
    truncation: float = 1.0, interpolation: Interpolation = "package", compiled: bool = False
) -> BigGANDeep:
    """BigGAN-deep at 128×128, trained on ImageNet. Options as for `BigGAN`."""
    return BigGANDeep("biggan-deep-128", truncation, interpolation, compiled, _OBJECTS)


def deep_256(
    truncation: float = 1.0, interpolation: Interpolation = "package", compiled: bool = False
) -> BigGANDeep:
    """BigGAN-deep at 256×256, trained on ImageNet: the paper's generator. Options as for
    `BigGAN`."""
    return BigGANDeep("biggan-deep-256", truncation, interpolation, compiled, _OBJECTS)


def deep_512(
    truncation: float = 1.0, interpolation: Interpolation = "package", compiled: bool = False
) -> BigGANDeep:
    """BigGAN-deep at 512×512, trained on ImageNet. Options as for `BigGAN`."""
    return BigGANDeep("biggan-deep-512", truncation, interpolation, compiled, _OBJECTS)


def _config(name: str) -> Config | None:
    """Known of the published ones, else from the file's header; None if the file cannot be had.

    Raises:
        ValueError: it is no BigGAN-deep checkpoint.
    """
    from p2lbench.weights import described

    return PUBLISHED.get(name) or described(name, read_config)


def _class_names(count: int) -> tuple[str, ...]:
    """ImageNet's, if there are as many; else their numbers."""
    if count != _IMAGENET:
        return tuple(map(str, range(count)))
    return tuple((files(__package__) / "imagenet.txt").read_text("utf-8").splitlines())


def _compiled(network: Any) -> Any:
    """The network translated, for any number of candidates from two on, and one run of it: what
    does not work is found before the clock starts.

    Raises:
        UserError: there is no compiler, or it refuses.
    """
    import torch

    function: Any = torch.compile(network, dynamic=True)
    condition = torch.zeros(2, network.seed_weight.shape[1], device=network.seed_weight.device)
    try:
        torch.autograd.grad(function(condition.requires_grad_(True)).sum(), condition)
    except Exception as error:  # whatever a compiler says
        first = str(error).strip().partition("\n")[0]
        raise UserError(
            f"compiled: torch.compile cannot translate this network here: {first}\n"
            "  a C++ compiler is needed; or leave the option out"
        ) from error
    return function
