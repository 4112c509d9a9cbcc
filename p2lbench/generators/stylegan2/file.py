"""A StyleGAN2 checkpoint as the one file that p2lbench keeps of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from p2lbench.errors import UserError
from p2lbench.generators.stylegan2.config import Config, read_config
from p2lbench.generators.stylegan2.generator import PRIOR_STD
from p2lbench.generators.stylegan2.names import W_AVG, canonical, config_of
from p2lbench.generators.stylegan2.network import MappingNetwork, Synthesis

SAMPLES, _BATCH = 10_000, 1000


class Network(nn.Module):
    """Mapping and synthesis, with the mean and the standard deviation of w, (w_dim,)."""

    w_mean: Tensor
    w_std: Tensor

    def __init__(self, config: Config, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.config = config
        self.mapping, self.synthesis = MappingNetwork(config, state), Synthesis(config, state)
        self.register_buffer("w_mean", state[W_AVG].float())
        self.register_buffer("w_std", state[PRIOR_STD].float())


def read(path: Path) -> Network:
    """The network of a converted file, frozen: its tensors are buffers, not parameters.

    Raises:
        ValueError: it is no such file.
    """
    from safetensors.torch import load_file

    return Network(read_config(path), load_file(path)).eval()


def converted(state: Mapping[str, Tensor], settings: Mapping[str, Any]) -> bytes:
    """The file for the tensors of a checkpoint, NVIDIA's or rosinality's.

    The prior of w comes with it: its deviation over samples of the mapping, and its mean, if the
    checkpoint has not tracked one.

    Args:
        settings: what the tensors do not tell, by the names of `config_of`.

    Raises:
        UserError: they are not the tensors of a StyleGAN2 generator, or not finite.
    """
    from safetensors.torch import save

    tensors = canonical(state)
    config = config_of(tensors, **settings)
    mean, std = _moments(config, tensors)
    tensors = {W_AVG: mean, **tensors, PRIOR_STD: std}
    kept = {name: tensor.float().contiguous() for name, tensor in tensors.items()}
    for name, tensor in kept.items():
        if not tensor.isfinite().all():
            raise UserError(f"StyleGAN2's tensor '{name}' has values that are not finite")
    return save(kept, config.metadata())


@torch.no_grad()
def _moments(config: Config, state: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    w = torch.cat([*_draws(MappingNetwork(config, state), config)]).double()
    return w.mean(0).float(), w.std(0).float()


def _draws(mapping: MappingNetwork, config: Config) -> Iterator[Tensor]:
    """w of seeded z, the classes in turn."""
    generator = torch.Generator().manual_seed(0)
    for first in range(0, SAMPLES, _BATCH):
        z = torch.randn(_BATCH, config.z_dim, generator=generator)
        c = None
        if mapping.embed is not None:
            c = mapping.embedded(torch.arange(first, first + _BATCH) % config.c_dim)
        yield mapping(z, c)
