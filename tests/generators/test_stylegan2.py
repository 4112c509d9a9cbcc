"""StyleGAN2 against the published implementations (golden values), and what the plugin states."""

from __future__ import annotations

import functools
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.utils._python_dispatch import TorchDispatchMode

from p2lbench import weights
from p2lbench.errors import UserError
from p2lbench.generators.stylegan2.file import converted
from p2lbench.generators.stylegan2.generator import StyleGAN2
from p2lbench.testing import Check, checks
from p2lbench.weights import Located, WeightsMissing

GOLDEN = Path(__file__).parent.parent / "golden"
ADA, COND, ROSINALITY = "stylegan2_ada", "stylegan2_ada_cond", "rosinality_stylegan2"
VALUES = {name: load_file(GOLDEN / f"{name}.safetensors") for name in (ADA, COND, ROSINALITY)}


def state(name: str) -> dict[str, torch.Tensor]:
    return {k[3:]: v.clone() for k, v in VALUES[name].items() if k.startswith("sd.")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The golden checkpoints, converted once; `clamped` is the first with a clamp."""
    folder = tmp_path_factory.mktemp("weights")
    for name in VALUES:
        (folder / name).write_bytes(converted(state(name), {}))
    (folder / "clamped").write_bytes(converted(state(ADA), {"clamp": 0.75}))
    return folder


@pytest.fixture(autouse=True)
def _located(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def locate(name: str) -> Located:
        if not (folder / name).is_file():
            raise WeightsMissing(f"{name}: weights not found")
        return Located(name, folder / name, "0" * 64, published=False)

    monkeypatch.setattr(weights, "locate", locate)


def loaded(name: str = ADA, **options: Any) -> StyleGAN2:
    """Not clipped, as the published code leaves its images."""
    generator = StyleGAN2(name, **{"clip": False, **options})
    generator.load("cpu")
    return generator


def close(found: torch.Tensor, expected: torch.Tensor, atol: float = 1e-4) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=atol)


@pytest.mark.parametrize(("truncation", "key"), [(1.0, "psi1"), (0.7, "psi0.7")])
def test_images_and_w_are_nvidias(truncation, key):
    values, generator = VALUES[ADA], loaded(space="z", truncation=truncation)
    close(generator._ws({"z": values["in.z"]}), values[f"out.w_{key}"], 1e-5)
    close(generator.forward(z=values["in.z"]), values[f"out.img_{key}_const"])


def test_a_w_for_each_layer_goes_where_nvidia_has_it():
    generator = loaded(space="w+", noise="none")
    close(generator.forward(w=VALUES[ADA]["in.ws"]), VALUES[ADA]["out.img_ws_none"])


def test_one_w_goes_to_every_layer():
    w = VALUES[ADA]["out.w_psi1"][:, 0]
    close(loaded(space="w").forward(w=w), VALUES[ADA]["out.img_psi1_const"])


def test_the_clamp_is_nvidias():
    image = loaded("clamped", space="z").forward(z=VALUES[ADA]["in.z"])
    close(image, VALUES[ADA]["out.img_psi1_const_convclamp0.75"])


def test_classes_are_nvidias():
    values, generator = VALUES[COND], loaded(COND, space="z", noise="none", truncation=0.7)
    embed = generator._network.mapping.embed
    close(
        generator.forward(z=values["in.z"], c=embed(values["in.c"])), values["out.img_psi0.7_none"]
    )
    close(generator.embed(torch.tensor([2, 0])), embed(torch.eye(3)[[2, 0]]), 1e-6)


# oneDNN's backward is less exact on some CPUs (AMX).
@pytest.mark.filterwarnings("ignore:TF32 acceleration")
@pytest.mark.parametrize("name", [ADA, COND, ROSINALITY])
def test_gradients_of_z_and_of_labels_are_theirs(name):
    values, generator = VALUES[name], loaded(name, space="z")
    z = values["in.z"].clone().requires_grad_(True)
    label = values["in.c"].clone().requires_grad_(True) if name == COND else None
    c = {} if label is None else {"c": generator._network.mapping.embed(label)}
    with torch.backends.mkldnn.flags(enabled=False):
        (generator.forward(z=z, **c) * values["in.cotangent"]).sum().backward()
    close(z.grad, values["out.grad_z"], 1e-3)
    if label is not None:
        close(label.grad, values["out.grad_c"], 1e-3)


@pytest.mark.filterwarnings("ignore:TF32 acceleration")
def test_gradients_of_ws_are_nvidias_and_weights_have_none():
    values, generator = VALUES[ADA], loaded(space="w+")
    ws = values["in.ws"].clone().requires_grad_(True)
    with torch.backends.mkldnn.flags(enabled=False):
        (generator.forward(w=ws) * values["in.cotangent"][:2]).sum().backward()
    close(ws.grad, values["out.grad_ws"], 1e-3)
    assert not any(tensor.requires_grad for tensor in generator._network.state_dict().values())


def test_images_of_rosinalitys_names_are_rosinalitys():
    values = VALUES[ROSINALITY]
    close(loaded(ROSINALITY, space="z").forward(z=values["in.z"]), values["out.img"])
    images = loaded(ROSINALITY, space="w+").forward(w=values["in.latent_wplus"])
    close(images, values["out.img_wplus"])


def test_noise_images_are_variables_if_asked():
    values, generator = VALUES[ROSINALITY], loaded(ROSINALITY, space="z", noise="variable")
    noises = {f"noise_{i}": values[f"in.noise_{i}"][:, 0].expand(4, -1, -1) for i in range(7)}
    close(generator.forward(z=values["in.z"], **noises), values["out.img_given_noise"])
    assert generator.variable_names == ("z", *noises)
    for variable in generator.variables[1:]:
        assert (variable.shape, variable.role) == (noises[variable.name].shape[1:], "gradient")


def test_the_mean_of_w_is_the_checkpoints_or_that_of_samples(folder: Path):
    values = VALUES[ROSINALITY]
    tracked = {**state(ROSINALITY), "latent_avg": values["in.truncation_latent"][0]}
    (folder / "tracked").write_bytes(converted(tracked, {}))
    generator = loaded("tracked", space="z", truncation=0.7)
    close(generator.forward(z=values["in.z"]), values["out.img_trunc0.7"])
    estimated = loaded(ROSINALITY)._network
    sample = estimated.mapping(torch.randn(4000, 32, generator=torch.Generator().manual_seed(1)))
    error = 5 * estimated.w_std / 4000**0.5  # five standard errors
    assert bool(((sample.mean(0) - estimated.w_mean).abs() < error).all())
    torch.testing.assert_close(sample.std(0), estimated.w_std, rtol=0.1, atol=0)


def test_the_prior_of_w_is_its_distribution():
    (w,) = loaded(space="w").variables
    network = loaded()._network
    assert (w.name, w.shape, w.bound, w.role) == ("w", (32,), None, "both")
    close(w.mean, network.w_mean, 0)
    close(w.std, network.w_std, 0)
    assert w.step == pytest.approx(0.05 * float(w.std.square().mean().sqrt()))
    (narrow,) = loaded(space="w+", truncation=0.5).variables
    assert narrow.shape == (8, 32)
    close(narrow.std, 0.5 * network.w_std.expand(8, 32))


def test_z_and_the_class_vector_of_a_conditional_checkpoint():
    generator = loaded(COND, space="z")
    z, c = generator.variables
    assert (z.shape, z.mean, z.std, z.bound, z.step, z.role) == ((32,), 0, 1, None, 0.05, "both")
    assert (c.shape, c.role) == ((32,), "gradient")
    close(c.mean, generator.embed(torch.arange(3)).mean(0), 1e-6)
    assert generator.conditional
    assert generator.classes == ("0", "1", "2")
    assert not StyleGAN2(COND, space="w").conditional


def test_a_crop_is_the_middle():
    whole, part = loaded(space="z"), loaded(space="z", crop=(24, 32))
    z = VALUES[ADA]["in.z"]
    assert (whole.shape, part.shape) == ((32, 32), (24, 32))
    torch.testing.assert_close(part.forward(z=z), whole.forward(z=z)[:, :, 4:28])


def test_images_are_clipped_unless_told_otherwise():
    z = VALUES[ADA]["in.z"]
    raw, clipped = loaded(space="z").forward(z=z), loaded(space="z", clip=True).forward(z=z)
    assert StyleGAN2(ADA).clip
    assert float(raw.abs().max()) > 5
    torch.testing.assert_close(clipped, raw.clamp(-1, 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"truncation": 0.0}, "truncation: expected above 0"),
        ({"truncation": 1.5}, "truncation: expected above 0"),
        ({"crop": (64, 32)}, "crop: expected .* within 32"),
        ({"crop": (0, 32)}, "crop: expected"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        StyleGAN2(ADA, **options)


def test_a_checkpoint_without_noise_images(folder: Path):
    silent = {name: tensor for name, tensor in state(ADA).items() if ".noise_" not in name}
    (folder / "silent").write_bytes(converted(silent, {}))
    with pytest.raises(ValueError, match="noise: this checkpoint has no noise images"):
        StyleGAN2("silent")
    images = loaded("silent", space="z", noise="none").forward(z=VALUES[ADA]["in.z"])
    close(images, loaded(space="z", noise="none").forward(z=VALUES[ADA]["in.z"]))


def test_another_file_under_the_name_is_refused(folder: Path):
    (folder / "other").write_bytes((GOLDEN / f"{ADA}.safetensors").read_bytes())
    (folder / "text").write_text("not weights at all")
    for name in ("other", "text"):
        with pytest.raises(ValueError, match=f"weights: '{name}' is not a StyleGAN2 checkpoint"):
            StyleGAN2(name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mapping.fc1.weight": torch.ones(31, 32)}, r"expected shape \(32, 32\)"),
        ({"synthesis.b16.conv0.bias": None}, "got none"),
        ({"synthesis.b16.skip.weight": torch.ones(1)}, "is no tensor of a StyleGAN2"),
        ({"synthesis.b4.const": None}, "expected the tensors of a StyleGAN2 generator"),
        ({"mapping.fc0.weight": None}, "no sequence"),
        ({"synthesis.b4.const": torch.full((32, 4, 4), torch.nan)}, "not finite"),
        ({"synthesis.b8.resample_filter": torch.ones(4, 4)}, "only .1, 3, 3, 1. is supported"),
        ({"synthesis.b4.const": torch.ones(())}, "expected 3 dimensions"),
        ({"mapping.fc0.weight": torch.ones(32, 0)}, "z of at least 1 number, got 0"),
        ({"mapping.fc0.weight": torch.ones(32, 20_000)}, "at most 16384 numbers, got 20000"),
        ({"synthesis.b16.conv0.noise_const": None}, "noise_const': expected .* got none"),
        ({"synthesis.b16.conv0.noise_strength": None}, "noise_strength': expected .* got none"),
    ],
)
def test_tensors_that_are_no_stylegan2_are_refused(change, message):
    assert_refused({**state(ADA), **change}, message)


@pytest.mark.parametrize("embedded", [64, 70])
def test_a_class_that_leaves_no_room_for_z_is_refused(embedded: int):
    embed = {"weight": torch.ones(embedded, 3), "bias": torch.ones(embedded)}
    change = {f"mapping.embed.{name}": tensor for name, tensor in embed.items()}
    assert_refused({**state(COND), **change}, f"z of at least 1 number, got {64 - embedded}")


class Largest(TorchDispatchMode):
    """Keeps the number of elements of the largest tensor that is made."""

    numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor):
            self.numel = max(self.numel, made.numel())
        return made


def test_many_blocks_take_no_time_and_memory():
    blocks = {f"synthesis.b{n}.torgb.weight": torch.ones(1) for n in (4, *range(5, 60_000))}
    tracemalloc.start()
    try:
        assert_refused({**state(ADA), **blocks}, "no sequence of synthesis")
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


def test_many_classes_take_no_memory_beyond_their_vectors():
    changed = state(COND)
    width = len(changed["mapping.embed.bias"])
    changed["mapping.embed.weight"] = torch.ones(width, 20_000)
    with Largest() as largest:
        converted(changed, {})
    assert largest.numel == width * 20_000


def test_a_strength_of_several_numbers_is_refused():
    change = {"conv1.noise.weight": torch.ones(3)}
    assert_refused({**state(ROSINALITY), **change}, r"noise_strength': .* got shape \(3,\)")


def assert_refused(changed, message: str) -> None:
    with pytest.raises(UserError, match=message):
        converted({k: v for k, v in changed.items() if v is not None}, {})


def test_a_missing_checkpoint_is_left_to_the_suite_to_report():
    generator = StyleGAN2("nowhere")
    assert generator.weights == ("nowhere",)
    with pytest.raises(WeightsMissing):
        generator.load("cpu")


def test_it_demodulates_with_the_weights_of_now() -> None:
    generator = loaded()
    named = generator.parameters()
    w = torch.zeros(1, *generator.variables[0].shape)
    before = generator.forward(w=w)
    with torch.no_grad():
        named["synthesis.first.weight"].mul_(3.0)
        named["synthesis.convolutions.0.weight"].mul_(0.5)
    # Demodulation undoes a factor on all of a layer's weights (Karras et al. 2020, eq. 3).
    assert generator.forward(w=w).allclose(before, atol=1e-4)
    with torch.no_grad():
        named["synthesis.first.weight"][0].add_(1.0)
    assert not generator.forward(w=w).allclose(before, atol=1e-3)


@pytest.mark.parametrize(("space", "mapped"), [("z", True), ("w", False)])
def test_it_names_what_its_images_go_through(space: str, mapped: bool) -> None:
    named = loaded(space=space).parameters()
    assert any(name.startswith("mapping.layers") for name in named) == mapped
    assert not any(name.endswith((".noise", ".squares")) for name in named)
    assert not {"w_mean", "w_std"} & set(named)


@pytest.mark.parametrize("check", checks("generator"), ids=str)
@pytest.mark.parametrize("options", [{"space": "w+"}, {"space": "z", "noise": "variable"}], ids=str)
def test_conformance(check: Check, options: dict[str, Any]) -> None:
    check(functools.partial(StyleGAN2, weights=COND, **options))


@pytest.mark.parametrize("name", [ADA, COND])
@pytest.mark.parametrize("space", ["z", "w", "w+"])
def test_draws_are_what_the_mapping_makes(name, space):
    """And so no w of independent columns, as the prior of a search has them."""
    generator = loaded(name, space=space, truncation=0.7)
    many = generator.draw(400, torch.Generator().manual_seed(0))
    for variable in generator.variables:
        assert many[variable.name].shape == (400, *variable.shape)
    again = generator.draw(400, torch.Generator().manual_seed(0))
    assert all(value.equal(again[key]) for key, value in many.items())
    features = generator.features(**many)
    if space == "z":
        close(features, generator._truncated(many))
        return
    assert features.equal(many["w"].flatten(1))
    w = many["w"] if space == "w" else many["w"][:, 0]
    assert (many["w"].reshape(400, -1, w.shape[1]) == w[:, None]).all()
    rng = torch.Generator().manual_seed(1)
    latents = {"z": torch.randn(4000, generator._network.config.z_dim, generator=rng)}
    if name == COND:
        latents["c"] = generator.embed(torch.arange(4000) % 3)
    mapped = generator._truncated(latents)
    spread = float(mapped.std(0).mean())
    close(w.mean(0), mapped.mean(0), 0.35 * spread)
    close(w.std(0), mapped.std(0), 0.35 * spread)
    close(torch.corrcoef(w.T), torch.corrcoef(mapped.T), 0.3)
    assert torch.corrcoef(mapped.T).fill_diagonal_(0).abs().max() > 0.3
