"""StyleGAN2 (Karras et al. 2020) from a checkpoint that the user brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from p2lbench.generators.base import Generator, ObjectStats, check_truncation
from p2lbench.generators.stylegan2.config import Config, read_config
from p2lbench.space import Role, Variable
from p2lbench.steps import scale

if TYPE_CHECKING:
    from torch import Generator as TorchGenerator
    from torch import Tensor

PRIOR_STD = "prior.w_std"
_STEP = 0.05  # in units of the prior's deviation, as the paper's for BigGAN's z
_CLASS_STEP = 0.01  # in the same units: the class vector is to stay near a class


class StyleGAN2(Generator):
    """A StyleGAN2 or StyleGAN2-ADA checkpoint, frozen, at any resolution.

    Args:
        weights: its name, `p2lbench weights add FILE --as NAME`.
        space: which variables there are: `z` (and c, the class vector, of a conditional one), `w`,
            or `w+`, a w for each layer. In w and w+ the class has no part.
        noise: `stored`, the checkpoint's noise images; `none`; or `variable`, the noise images are
            variables that gradients move.
        truncation: draws w towards its mean, above 0 and at most 1; 1 does nothing. In w and w+ it
            narrows the prior, and nothing else.
        crop: [height, width] of the images' central part that has content; the rest is cut off.
        clip: the network's values reach beyond [-1, 1]; they are clipped, or left as they are.
        object_stats: where its objects are, which `p2lbench measure-objects` tells; `prealign`
            needs it.
    """

    default_loss = {"l1": 1.0}  # noqa: RUF012 (never changed)
    cites = ("karras2020analyzing", "karras2020training")

    def __init__(
        self,
        weights: str,
        space: Literal["z", "w", "w+"] = "w",
        noise: Literal["stored", "none", "variable"] = "stored",
        truncation: float = 1.0,
        crop: tuple[int, int] | None = None,
        clip: bool = True,
        object_stats: ObjectStats | None = None,
    ) -> None:
        from p2lbench.weights import described

        check_truncation(truncation)
        self.weights = (weights,)
        self.space, self.noise, self.truncation = space, noise, truncation
        self.crop, self.clip, self.object_stats = crop, clip, object_stats
        self._network: Any = None
        if (config := described(weights, read_config)) is not None:
            self._describe(config)

    def _describe(self, config: Config) -> None:
        """What is known before the weights are read."""
        side = config.resolution
        if self.noise == "stored" and not config.noise:
            raise ValueError("noise: this checkpoint has no noise images: write none or variable")
        if self.crop and not all(0 < length <= side for length in self.crop):
            raise ValueError(f"crop: expected [height, width] within {side}, got {[*self.crop]}")
        self._images = config.noise_sides if self.noise == "variable" else ()
        self.size = self.crop or (side, side)
        self.conditional = self.space == "z" and config.c_dim > 0
        self.classes = tuple(map(str, range(config.c_dim))) if self.conditional else ()
        latents = ("z", "c") if self.conditional else (self.space[0],)
        self.variable_names = (*latents, *(f"noise_{i}" for i in range(len(self._images))))

    def load(self, device: str) -> None:
        if self._network is None:
            from p2lbench.generators.stylegan2.file import read
            from p2lbench.weights import locate

            self._network = read(locate(self.weights[0]).path)
        self._network.to(device)

    @property
    def variables(self) -> tuple[Variable, ...]:  # type: ignore[override]
        role: Role = "gradient"
        noises = (
            Variable(f"noise_{i}", (side, side), step=_STEP, role=role)
            for i, side in enumerate(self._images)
        )
        return (*self._latents(), *noises)

    def _latents(self) -> tuple[Variable, ...]:
        config, mean = self._network.config, self._network.w_mean
        if self.space == "z":
            z = Variable("z", (config.z_dim,), step=_STEP)
            return (z, self._class_vector()) if self.conditional else (z,)
        std = (self._network.w_std * self.truncation).clamp(min=1e-6)
        shape = (config.w_dim,) if self.space == "w" else (config.num_ws, config.w_dim)
        w = Variable("w", shape, mean.expand(shape), std.expand(shape))
        return (replace(w, step=_STEP * scale(w)),)

    def _class_vector(self) -> Variable:
        import torch

        vectors = self.embed(torch.arange(len(self.classes), device=self._network.w_mean.device))
        std = vectors.std(0, unbiased=False).clamp(min=1e-6)
        c = Variable("c", std.shape, vectors.mean(0), std, role="gradient")
        return replace(c, step=_CLASS_STEP * scale(c))

    def embed(self, class_ids: Tensor) -> Tensor:
        """(n,) → the label's embedding before it is normalised, (n, width)."""
        vectors: Tensor = self._network.mapping.embedded(class_ids)
        return vectors

    def parameters(self) -> Mapping[str, Tensor]:
        """Those of the synthesis, and of the mapping where z goes through it; not the noise
        images, and not the label's embedding, which is what c moves among."""
        self._network.synthesis.thaw()
        parts = ("synthesis", "mapping.layers") if self.space == "z" else ("synthesis",)
        buffers = self._network.named_buffers()
        return {
            name: w for name, w in buffers if name.startswith(parts) and not name.endswith(".noise")
        }

    def draw(self, count: int, rng: TorchGenerator) -> dict[str, Tensor]:
        """Samples; w is made from z of a random class, the same for all layers."""
        import torch

        drawn = super().draw(count, rng)
        if self.space == "z":
            return drawn
        device = self._network.w_mean.device
        config = self._network.config
        latents = {"z": torch.randn(count, config.z_dim, generator=rng).to(device)}
        if config.c_dim:
            latents["c"] = self.embed(torch.arange(count, device=device) % config.c_dim)
        w = self._truncated(latents)
        return {**drawn, "w": w if self.space == "w" else self._ws_of(w)}

    def features(self, **latents: Tensor) -> Tensor:
        """z and c, or w, to w (n, w_dim), or all layers' side by side, as GANSpace takes them."""
        w = self._truncated(latents) if self.space == "z" else latents["w"]
        return w.flatten(1)

    def forward(self, **latents: Tensor) -> Tensor:
        """z (n, z_dim) and c, or w (n, w_dim) or (n, num_ws, w_dim), and the noise images
        (n, side, side), to images (n, 3, H, W) in [-1, 1], or around it if they are not clipped."""
        noises = [latents[f"noise_{i}"][:, None] for i in range(len(self._images))]
        if self.noise == "stored":
            noises = self._network.synthesis.stored
        images: Tensor = self._network.synthesis(self._ws(latents), noises or None)
        height, width = self.shape
        top, left = (images.shape[2] - height) // 2, (images.shape[3] - width) // 2
        images = images[:, :, top : top + height, left : left + width]
        return images.clamp(-1, 1) if self.clip else images

    def _ws(self, latents: dict[str, Tensor]) -> Tensor:
        if self.space == "w+":
            return latents["w"]
        return self._ws_of(latents["w"] if self.space == "w" else self._truncated(latents))

    def _ws_of(self, w: Tensor) -> Tensor:
        return w[:, None].expand(-1, self._network.config.num_ws, -1)

    def _truncated(self, latents: dict[str, Tensor]) -> Tensor:
        w: Tensor = self._network.mapping(latents["z"], latents.get("c"))
        mean: Tensor = self._network.w_mean
        return mean + self.truncation * (w - mean)
