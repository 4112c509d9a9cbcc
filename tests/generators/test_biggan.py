"""The generator's inference form against the package that defines it (golden values)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from p2lbench.generators.biggan.config import Config, parsed
from p2lbench.generators.biggan.generator import BigGAN, BigGANFashionMNIST

GOLDEN = Path(__file__).parent.parent / "golden"
VALUES = load_file(GOLDEN / "biggan_tiny.safetensors")
WRITTEN = json.loads((GOLDEN / "biggan_tiny.json").read_text())
STATE = {k.removeprefix("sd."): v for k, v in VALUES.items() if k.startswith("sd.")}
TRUNCATIONS = [1.0, 0.5, 0.43, 0.425, 0.37, 0.985, 0.02, 0.01, 0.14, 0.58]


class Tiny(BigGAN):
    size = (32, 32)

    def _read(self) -> tuple[Config, dict[str, torch.Tensor]]:
        return parsed(WRITTEN["config"]), STATE


def loaded(*options: Any) -> Tiny:
    generator = Tiny(*options)
    generator.load("cpu")
    return generator


def inputs(generator: Tiny) -> dict[str, torch.Tensor]:
    return {"z": VALUES["in.z"], "c": generator.embed(VALUES["in.class_onehot"].argmax(1))}


@pytest.mark.parametrize("truncation", TRUNCATIONS)
def test_images_are_the_packages_at_every_truncation(truncation):
    generator = loaded(truncation)
    with torch.no_grad():
        images = generator.forward(**inputs(generator))
    torch.testing.assert_close(images, VALUES[f"out.img_t{truncation}"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("truncation", [0.425, 0.14, 0.58])
def test_linear_interpolation_is_the_one_that_the_package_meant(truncation):
    generator = loaded(truncation, "linear")
    with torch.no_grad():
        images = generator.forward(**inputs(generator))
    expected = VALUES[f"out_correct_interp.img_t{truncation}"]
    torch.testing.assert_close(images, expected, rtol=0, atol=1e-4)
    assert (VALUES[f"out.img_t{truncation}"] - expected).abs().max() > 1e-2


@pytest.mark.filterwarnings("ignore:TF32 acceleration")
def test_gradients_are_the_packages():
    generator = loaded()
    given = {k: v.clone().requires_grad_(True) for k, v in inputs(generator).items()}
    # oneDNN's backward is off by 4e-3 on some CPUs (AMX), the package's own as much as ours.
    with torch.backends.mkldnn.flags(enabled=False):
        (generator.forward(**given) * VALUES["in.cotangent"]).sum().backward()
    for name, key in (("z", "out.grad_z_t1.0"), ("c", "out.grad_embed_t1.0")):
        torch.testing.assert_close(given[name].grad, VALUES[key], rtol=0, atol=5e-4)
    assert not list(generator._network.parameters())


def test_the_class_vector_is_the_embedding_of_the_class():
    generator = loaded()
    vectors = generator.embed(VALUES["in.class_onehot"].argmax(1))
    torch.testing.assert_close(vectors, VALUES["out.class_embedding"])


def test_variables_state_the_papers_prior_bounds_and_steps():
    z, c = loaded().variables
    assert (z.name, z.shape, z.bound, z.step, z.role) == ("z", (16,), 2.0, 0.05, "both")
    assert (c.name, c.shape, c.step, c.role) == ("c", (16,), 0.0001, "gradient")
    assert isinstance(c.std, torch.Tensor)
    assert bool((c.std > 0).all())


def test_a_single_class_has_a_prior_too():
    class Single(Tiny):
        def _read(self) -> tuple[Config, dict[str, torch.Tensor]]:
            config, state = super()._read()
            vectors = state["embeddings.weight"][:, :1]
            return replace(config, num_classes=1), {**state, "embeddings.weight": vectors}

    generator = Single()
    generator.load("cpu")
    _, c = generator.variables
    assert torch.equal(c.mean, generator.embed(torch.tensor([0]))[0])
    assert bool((c.std == 1e-6).all())


@pytest.mark.parametrize("truncation", [0.0, -1.0, 1.5])
def test_a_truncation_out_of_range_is_refused(truncation):
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        Tiny(truncation)


def test_the_embedded_generator_equals_the_packages_own_forward():
    from p2lbench import zoo

    generator, model = BigGANFashionMNIST(), zoo.load_biggan_fmnist()
    generator.load("cpu")
    z = torch.randn(3, 64, generator=torch.Generator().manual_seed(0))
    classes = torch.tensor([0, 5, 9])
    onehot = torch.nn.functional.one_hot(classes, 10).float()
    with torch.no_grad():
        ours = generator.forward(z=z, c=generator.embed(classes))
        theirs = model(z, onehot, 1.0)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    assert ours.shape == (3, 3, 32, 32)
    assert len(generator.classes) == 10
