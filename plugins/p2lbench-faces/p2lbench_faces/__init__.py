"""Faces for p2lbench: the generator `dcgan-faces` and where its weights come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from p2lbench.api import Generator, ObjectStats, Variable, Weights, hookimpl, locate_weights

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTS = Weights(
    name="dcgan-faces",
    filename="dcgan-faces-0c3b90b1.tar",
    url="pypi:gan-face-generate==1.1.1",
    member="gan_face_generate/weights.tar",
    size=14_322_251,
    sha256="0c3b90b138cfc4e8a73310b9fd5ce2a8f1f3a542a037de277412307fcd28771f",
    wheel_sha256="24102f4be41d164e44251168ede0458a45e498a888c81493e2aea48529640569",
    licence="MIT (Chien Liu); trained on DigiFace-1M, whose terms may apply",
    purpose="DCGAN of faces, 64×64, 3.6 million parameters",
)


class Faces(Generator):
    """A DCGAN of synthetic faces, 64×64 in colour, without classes.

    The generator of Radford et al. 2016 (section 3, figure 1) at width 64, trained on DigiFace-1M
    (Bae et al. 2023), as the PyPI package gan-face-generate 1.1.1 carries it.

    z is standard normal, kept within ±3: a draw from the prior is outside in 0.3% of its
    coordinates. The step of gradient methods is 0.1. The README has the studies behind both.
    """

    size = (64, 64)
    variables = (Variable("z", (100,), bound=3.0, step=0.1),)
    variable_names = ("z",)
    object_stats = ObjectStats((0.5, 0.5), (1.0, 1.0))  # a face fills the frame
    weights = (WEIGHTS.name,)
    default_loss = {"l1": 1.0}  # noqa: RUF012 (never changed)
    default_metrics = ("psnr", "ms-ssim")

    def __init__(self) -> None:
        self._network: nn.Module | None = None

    def load(self, device: str) -> None:
        if self._network is None:
            from p2lbench_faces.dcgan import inference_form, read

            self._network = inference_form(read(locate_weights(WEIGHTS.name).path))
        self._network.to(device)

    def forward(self, **latents: Tensor) -> Tensor:
        """z (n, 100) → images (n, 3, 64, 64) in [-1, 1].

        Raises:
            RuntimeError: `load` has not been called.
        """
        if self._network is None:
            raise RuntimeError("dcgan-faces: call load(device) first")
        images: Tensor = self._network(latents["z"][:, :, None, None])
        return images


@hookimpl
def register_generators(register):  # type: ignore[no-untyped-def]
    register("dcgan-faces", Faces, summary="DCGAN of synthetic faces, 64×64 (weights: 14 MB)")


@hookimpl
def register_weights(register):  # type: ignore[no-untyped-def]
    register(WEIGHTS)
