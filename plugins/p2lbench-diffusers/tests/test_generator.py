"""The generator: p2lbench's contract, diffusers' own images, and what it refuses."""

from __future__ import annotations

import functools
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from p2lbench_diffusers.generator import Diffusers
from p2lbench_diffusers.layout import CONFIG, WEIGHTS
from safetensors.torch import load_file, save_file

from p2lbench.testing import checks


def loaded(folder: Path, **options: Any) -> Diffusers:
    generator = Diffusers(str(folder), **{"size": 16, **options})
    generator.load("cpu")
    return generator


def draw(generator: Diffusers, n: int = 2) -> torch.Tensor:
    """z of the prior."""
    (z,) = generator.variables
    return torch.randn(n, *z.shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("kind", ["kl", "tiny"])
@pytest.mark.parametrize("check", checks("generator"), ids=str)
def test_conformance(check, kind: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(kind)
    check(functools.partial(Diffusers, str(folder), size=(16, 24)))


@torch.no_grad()
def test_the_images_are_those_of_diffusers(write: Callable[..., Path]) -> None:
    folder = write(scaling_factor=0.25, shift_factor=0.5)
    generator = loaded(folder, clip=False)
    z = draw(generator)
    images = AutoencoderKL.from_pretrained(folder).decode(z / 0.25 + 0.5).sample
    assert images.abs().max() > 1
    torch.testing.assert_close(generator.forward(z=z), images)
    torch.testing.assert_close(loaded(folder).forward(z=z), images.clamp(-1, 1))


@torch.no_grad()
def test_means_and_deviations_of_channels(write: Callable[..., Path]) -> None:
    mean, std = [0.1, 0.2, -0.3, 0.0], [1.0, 2.0, 0.5, 1.5]
    folder = write(scaling_factor=0.5, latents_mean=mean, latents_std=std)
    generator = loaded(folder, clip=False)
    z = draw(generator)
    by_channel = [torch.tensor(values).view(1, 4, 1, 1) for values in (mean, std)]
    images = AutoencoderKL.from_pretrained(folder).decode(z * by_channel[1] / 0.5 + by_channel[0])
    torch.testing.assert_close(generator.forward(z=z), images.sample)


@torch.no_grad()
def test_the_tiny_ones_are_those_of_diffusers(tiny: Path) -> None:
    generator = loaded(tiny, size=(32, 16), clip=False)
    assert generator.variables[0].shape == (4, 8, 4)
    z = draw(generator)
    images = AutoencoderTiny.from_pretrained(tiny).decode(z).sample
    torch.testing.assert_close(generator.forward(z=z), images)


def test_the_encoder_is_dropped(kl: Path) -> None:
    names = [name for name, _ in loaded(kl)._decoder.named_parameters()]
    assert {name.split(".")[1] for name in names} == {"decoder", "post_quant_conv"}


def test_a_file_in_half_precision_is_computed_in_float32(write: Callable[..., Path]) -> None:
    generator = loaded(write(half=True))
    assert generator.forward(z=draw(generator)).dtype == torch.float32


@torch.no_grad()
def test_the_attention_of_older_files_has_other_names(kl: Path) -> None:
    new = loaded(kl)
    old = {"to_q.": "query.", "to_k.": "key.", "to_v.": "value.", "to_out.0.": "proj_attn."}
    state = load_file(kl / WEIGHTS)
    for after, before in old.items():
        state = {name.replace(after, before): value for name, value in state.items()}
    save_file(state, kl / WEIGHTS)
    z = draw(new)
    assert torch.equal(loaded(kl).forward(z=z), new.forward(z=z))


@pytest.mark.parametrize("change", ["missing", "unexpected"])
def test_weights_that_do_not_fit_are_refused(kl: Path, change: str) -> None:
    state = load_file(kl / WEIGHTS)
    if change == "missing":
        del state["decoder.conv_out.bias"]
    else:
        state["more"] = torch.zeros(1)
    save_file(state, kl / WEIGHTS)
    with pytest.raises(ValueError, match=f"do not fit the configuration; {change}: .* \\(of 1\\)"):
        loaded(kl)


def test_nothing_is_asked_of_the_network(kl: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    loaded(kl)


def test_a_pickle_is_no_substitute(kl: Path) -> None:
    torch.save(load_file(kl / WEIGHTS), kl / "diffusion_pytorch_model.bin")
    (kl / WEIGHTS).unlink()
    with pytest.raises(ValueError, match=f"^folder: expected .* found no .*{WEIGHTS}"):
        Diffusers(str(kl), 16)


@pytest.mark.parametrize("size", [0, 15, (16, 15), (-2, 2)])
def test_sizes_that_it_cannot_make(kl: Path, size: Any) -> None:
    with pytest.raises(ValueError, match=r"^size: expected a multiple of 2, "):
        Diffusers(str(kl), size)


WRONG = {
    "_class_name": ["VQModel", None],
    "out_channels": [1],
    "latent_channels": [0, "4", None],
    "block_out_channels": [[], 8, None],
}


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, vs in WRONG.items() for v in vs])
def test_configurations_that_it_does_not_know(kl: Path, key: str, value: Any) -> None:
    config = json.loads((kl / CONFIG).read_text())
    (kl / CONFIG).write_text(json.dumps({**config, key: value}))
    with pytest.raises(ValueError, match=f"^folder: .*{CONFIG}: expected {key} to be"):
        Diffusers(str(kl), 16)


@pytest.mark.parametrize("text", ["[]", "{", ""])
def test_a_configuration_that_is_none(kl: Path, text: str) -> None:
    (kl / CONFIG).write_text(text)
    with pytest.raises(ValueError, match=f"^folder: .*{CONFIG}: "):
        Diffusers(str(kl), 16)


def test_a_use_before_loading_is_said(kl: Path) -> None:
    with pytest.raises(RuntimeError, match="call load"):
        Diffusers(str(kl), 16).forward(z=torch.zeros(1, 4, 8, 8))
