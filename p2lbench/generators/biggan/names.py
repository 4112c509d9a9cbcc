"""The tensors of a BigGAN-deep, by the names of pytorch_pretrained_biggan's state dict."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from math import prod

from p2lbench.generators.biggan.config import Config

Shape = tuple[int, ...]
Named = Iterator[tuple[str, Shape]]
ORIGINAL, LEFT, RIGHT = "_orig", "_u", "_v"  # what torch's spectral norm keeps of a weight


def shapes(config: Config, removed: Collection[str] = ()) -> dict[str, Shape]:
    """Name → shape of all tensors.

    Args:
        removed: the weights (`generator.gen_z.weight`, …) of which spectral norm is removed; they
            are there themselves. Of any other there are the original and its singular vectors.
    """
    found = dict(_plain(config))
    for name, shape in spectral(config).items():
        if name in removed:
            found[name] = shape
        else:
            found[name + ORIGINAL] = shape
            found[name + LEFT], found[name + RIGHT] = shape[:1], (prod(shape[1:]),)
    return found


def spectral(config: Config) -> dict[str, Shape]:
    """Name → shape of the weights under spectral norm."""
    return dict(_spectral(config))


def _spectral(config: Config) -> Named:
    width = config.channel_width
    yield "generator.gen_z.weight", (16 * 16 * width, 2 * config.z_dim)
    for prefix, before, after in _blocks(config):
        middle = before // 4
        for i, channels in enumerate((before, middle, middle, middle)):
            yield f"{prefix}bn_{i}.scale.weight", (channels, 2 * config.z_dim)
            yield f"{prefix}bn_{i}.offset.weight", (channels, 2 * config.z_dim)
        yield f"{prefix}conv_0.weight", (middle, before, 1, 1)
        yield f"{prefix}conv_1.weight", (middle, middle, 3, 3)
        yield f"{prefix}conv_2.weight", (middle, middle, 3, 3)
        yield f"{prefix}conv_3.weight", (after, middle, 1, 1)
    if (wide := config.attention_channels) is not None:
        prefix = f"generator.layers.{config.attention_layer_position}.snconv1x1_"
        yield f"{prefix}theta.weight", (wide // 8, wide, 1, 1)
        yield f"{prefix}phi.weight", (wide // 8, wide, 1, 1)
        yield f"{prefix}g.weight", (wide // 2, wide, 1, 1)
        yield f"{prefix}o_conv.weight", (wide, wide // 2, 1, 1)
    yield "generator.conv_to_rgb.weight", (width, width, 3, 3)


def _plain(config: Config) -> Named:
    """What spectral norm has no part in."""
    width, statistics = config.channel_width, config.n_stats
    yield "embeddings.weight", (config.z_dim, config.num_classes)
    yield "generator.gen_z.bias", (16 * 16 * width,)
    for prefix, before, after in _blocks(config):
        middle = before // 4
        for i, channels in enumerate((before, middle, middle, middle)):
            yield f"{prefix}bn_{i}.running_means", (statistics, channels)
            yield f"{prefix}bn_{i}.running_vars", (statistics, channels)
        for i, channels in enumerate((middle, middle, middle, after)):
            yield f"{prefix}conv_{i}.bias", (channels,)
    if config.attention_channels is not None:
        yield f"generator.layers.{config.attention_layer_position}.gamma", (1,)
    yield "generator.bn.running_means", (statistics, width)
    yield "generator.bn.running_vars", (statistics, width)
    yield "generator.bn.weight", (width,)
    yield "generator.bn.bias", (width,)
    yield "generator.conv_to_rgb.bias", (width,)


def _blocks(config: Config) -> Iterator[tuple[str, int, int]]:
    """Prefix, channels before and after of each block; attention counts as a layer."""
    for i, (before, after) in enumerate(config.channels):
        number = i + (i >= config.attention_layer_position)
        yield f"generator.layers.{number}.", before, after
