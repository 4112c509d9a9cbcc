"""BigGAN-deep checkpoints: every form of them, and those that are damaged, wrong or hostile."""

from __future__ import annotations

import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, load_file, save_file

from p2lbench import zoo
from p2lbench.errors import UserError
from p2lbench.generators.biggan import checkpoint
from p2lbench.generators.biggan.checkpoint import convert, read
from p2lbench.generators.biggan.config import KIND, PUBLISHED, Config, parsed
from p2lbench.generators.biggan.names import shapes, spectral
from p2lbench.weights.kinds import header

GOLDEN = Path(__file__).parent.parent / "golden"
VALUES = load_file(GOLDEN / "biggan_tiny.safetensors")
STATE = {name[3:]: tensor for name, tensor in VALUES.items() if name.startswith("sd.")}
WRITTEN = json.loads((GOLDEN / "biggan_tiny.json").read_text())["config"]
CONFIG = parsed(WRITTEN)


def model(folder: Path, state: Any = STATE, config: Any = WRITTEN) -> Path:
    """A folder as `save_pretrained` would write it."""
    folder.mkdir(exist_ok=True)
    torch.save(state, folder / "pytorch_model.bin")
    (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    return folder


def kept(content: bytes, folder: Path) -> Path:
    (folder / "kept.safetensors").write_bytes(content)
    return folder / "kept.safetensors"


def same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor] = STATE) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].equal(tensor), name


def refused(source: Path, message: str) -> None:
    with pytest.raises(UserError) as raised:
        convert(source)
    text = str(raised.value)
    assert message in text
    assert text.startswith(source.name)
    assert text.isprintable()
    assert len(text) < 400


def test_names_and_shapes_are_the_packages() -> None:
    assert shapes(CONFIG) == {name: tuple(tensor.shape) for name, tensor in STATE.items()}


def test_the_published_architectures_have_the_published_size() -> None:
    # 211 MB at huggingface.co/osanseviero/BigGAN-deep-128; the zip's headers are below 0.2 MB.
    sizes = [4 * sum(map(numbers, shapes(config).values())) for config in PUBLISHED.values()]
    assert [round(size / 1e6) for size in sizes] == [211, 234, 236]


def numbers(shape: tuple[int, ...]) -> int:
    return torch.Size(shape).numel()


def test_attention_may_be_anywhere_or_nowhere() -> None:
    rows = WRITTEN["layers"]
    first, none = (
        shapes(parsed({**WRITTEN, "attention_layer_position": at})) for at in (0, len(rows))
    )
    assert first["generator.layers.0.snconv1x1_theta.weight_orig"] == (16, 128, 1, 1)
    assert "generator.layers.6.conv_0.bias" in first
    assert not any("snconv" in name or ".layers.6." in name for name in none)


def test_a_folder_is_converted(tmp_path: Path) -> None:
    config, state = read(kept(convert(model(tmp_path / "tiny")), tmp_path))
    assert config == CONFIG
    same(state)


def test_a_folder_of_safetensors_is_converted(tmp_path: Path) -> None:
    folder = model(tmp_path / "tiny", {})
    save_file(STATE, folder / "model.safetensors")
    same(load(convert(folder)))


@pytest.mark.parametrize("name", ["config.json", "x-pytorch_model-config.json", "x-config.json"])
def test_the_configuration_beside_a_file_is_found(name: str, tmp_path: Path) -> None:
    folder = model(tmp_path / "tiny")
    file = (folder / "pytorch_model.bin").rename(folder / "x-pytorch_model.bin")
    (folder / "config.json").rename(folder / name)
    same(load(convert(file)))
    assert checkpoint.parts(file) == (file, folder / name)


@pytest.mark.parametrize("ending", [".pt", ".pth", ".bin", ".safetensors"])
def test_a_file_of_any_ending_is_converted(ending: str, tmp_path: Path) -> None:
    file = model(tmp_path / "tiny") / f"x{ending}"
    save_file(STATE, file) if ending == ".safetensors" else torch.save(STATE, file)
    same(load(convert(file)))


def test_torchs_former_format_is_read(tmp_path: Path) -> None:
    folder = model(tmp_path / "tiny")
    torch.save(STATE, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    same(load(convert(folder)))


def test_a_converted_file_can_be_converted_again(tmp_path: Path) -> None:
    first = convert(model(tmp_path / "tiny"))
    file = kept(first, tmp_path)
    (tmp_path / "config.json").write_text("{}")  # the file has its own
    assert convert(file) == first
    assert checkpoint.parts(file) == (file,)
    assert header(file).keys() == {KIND.key}


def test_spectral_norm_may_have_been_removed(tmp_path: Path) -> None:
    removed = {name: torch.ones(shape) for name, shape in spectral(CONFIG).items()}
    plain = {n: t for n, t in STATE.items() if not n.endswith(("_orig", "_u", "_v"))}
    same(load(convert(model(tmp_path / "tiny", plain | removed))), plain | removed)


def test_a_published_architecture_is_recognised_by_its_tensors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PUBLISHED, "biggan-deep-512", CONFIG)
    torch.save(STATE, tmp_path / "x.bin")
    config, _ = read(kept(convert(tmp_path / "x.bin"), tmp_path))
    assert config == CONFIG


def test_without_a_configuration_it_is_said_what_to_do(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "x.bin")
    refused(tmp_path / "x.bin", "none of biggan-deep-128, biggan-deep-256, biggan-deep-512: put")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "expected model.safetensors or pytorch_model.bin in the folder")


def test_numbers_become_float32_and_stand_alone(tmp_path: Path) -> None:
    shared = torch.arange(64.0)
    odd = {
        **{name: tensor.double() for name, tensor in STATE.items()},
        "generator.bn.weight": shared[:8],
        "generator.bn.bias": shared[:16:2],  # strided, of the same memory
    }
    found = load(convert(model(tmp_path / "tiny", odd)))
    assert all(tensor.dtype == torch.float32 for tensor in found.values())
    assert found["generator.bn.bias"].equal(shared[:16:2])
    assert found["generator.bn.weight"].equal(shared[:8])


def test_the_embedded_generator_is_read_likewise() -> None:
    config, state = read(zoo.weights("biggan-fmnist"))
    assert config.side == 32
    assert shapes(config).keys() == state.keys()


def without(name: str) -> dict[str, torch.Tensor]:
    return {n: t for n, t in STATE.items() if n != name}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "missing": (without("generator.bn.weight"), "it lacks generator.bn.weight"),
    "half removed": (
        without("generator.gen_z.weight_u"),
        "it lacks generator.gen_z.weight_u",
    ),
    "empty": ({}, "it lacks embeddings.weight, generator.gen_z.bias"),
    "extra": ({**STATE, "x": torch.ones(1)}, "it also has x"),
    "shape": (
        {**STATE, "generator.bn.weight": torch.ones(8, 1)},
        "'generator.bn.weight' has shape [8, 1], expected [8]",
    ),
    "integers": ({**STATE, "generator.bn.weight": torch.ones(8).int()}, "no tensor of plain"),
    "complex": ({**STATE, "generator.bn.weight": torch.ones(8) * 1j}, "no tensor of plain"),
    "sparse": ({**STATE, "generator.bn.weight": torch.ones(8).to_sparse()}, "cannot be used"),
    "a number": ({**STATE, "generator.bn.weight": 1.0}, "something else than named tensors"),
    "not finite": (
        {**STATE, "generator.bn.weight": torch.full((8,), torch.nan)},
        "'generator.bn.weight' has values that are not finite",
    ),
    "too large for float32": (
        {**STATE, "generator.bn.weight": torch.full((8,), 1e300, dtype=torch.float64)},
        "not finite",
    ),
    "repeated": ({"x": torch.ones(1).expand(10**9)}, "larger than the file"),
    "odd names": ({"x\n\x1b[31m" * 999: torch.ones(1)}, "it lacks"),
}


@pytest.mark.parametrize("case", WRONG)
def test_tensors_that_do_not_fit_are_named(case: str, tmp_path: Path) -> None:
    state, message = WRONG[case]
    refused(model(tmp_path / "tiny", state), message)


NONSENSE: dict[str, tuple[Any, str]] = {
    "no object": ([], "config.json: expected an object with layers"),
    "no JSON": ("{", "config.json: "),
    "another model's": ({"model_type": "bert"}, "config.json: layers: expected a list"),
    "a text for a number": ({**WRITTEN, "eps": "small"}, "config.json: eps: expected above 0"),
    "eps": ({**WRITTEN, "eps": float("nan")}, "config.json: eps: expected above 0"),
    "width": ({**WRITTEN, "channel_width": 2**40}, "config.json: channel_width: expected"),
    "layers": ({**WRITTEN, "layers": [[True, 16, 16]]}, "config.json: layers: expected to end"),
    "rows": ({**WRITTEN, "layers": [[1, 16, 16]]}, "config.json: layers[0]: expected [true"),
    "many layers": (
        {**WRITTEN, "layers": [[False, 16, 16]] * 65},
        "config.json: layers: expected at most 64, got 65",
    ),
    "large images": (
        {
            **WRITTEN,
            "layers": [[True, 16, 16]] * 7 + [[True, 2**i, 2**i // 2] for i in (4, 3, 2, 1)],
        },
        "config.json: layers: expected images of at most 4096 × 4096, got 8192",
    ),
    "another's": ({**WRITTEN, "z_dim": 17}, "is its config.json another checkpoint's?"),
    "deep": ("[" * 90_000, "config.json: "),
    "large": (" " * 200_000 + "{}", "config.json: expected at most 100000 bytes"),
}


@pytest.mark.parametrize("case", NONSENSE)
def test_a_configuration_that_is_none_is_refused(case: str, tmp_path: Path) -> None:
    config, message = NONSENSE[case]
    refused(model(tmp_path / "tiny", STATE, config), message)


class Touches:
    """Pickled as code that makes a file."""

    def __reduce__(self) -> Any:
        return os.system, ("touch canary",)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(pickle.dumps(Touches())),
        lambda path: torch.save({**STATE, "x": Touches()}, path),
        lambda path: torch.save(Touches(), path, _use_new_zipfile_serialization=False),
        lambda path: torch.save(torch.nn.Linear(1, 1), path),
    ],
    ids=["a pickle", "a zip", "the former format", "a module"],
)
def test_nothing_is_executed(
    write: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(model(tmp_path / "tiny") / "pytorch_model.bin")
    refused(tmp_path / "tiny", "which is not allowed; expected tensors by name")
    assert not Path("canary").exists()


@pytest.mark.parametrize("ending", [".bin", ".safetensors"])
def test_damage_of_any_kind_ends_in_a_line(ending: str, tmp_path: Path) -> None:
    file = model(tmp_path / "tiny") / f"x{ending}"
    save_file(STATE, file) if ending == ".safetensors" else torch.save(STATE, file)
    whole = file.read_bytes()
    for content in (b"", b"\x00", b"PK\x03\x04", b"\xff" * 5000, whole[: len(whole) // 2]):
        file.write_bytes(content)
        refused(file, "")
    for length in (2**63, 2**40, 10**7):  # a header that is only claimed
        file.write_bytes(struct.pack("<Q", length) + b"{" * 1000)
        refused(file, "")


@pytest.mark.parametrize("text", ["{", "[]", '{"layers": 1}', "[" * 5000])
def test_a_converted_file_with_a_damaged_header_is_refused(text: str, tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "x.safetensors", {KIND.key: text})
    refused(tmp_path / "x.safetensors", "")
    with pytest.raises(UserError, match=r"x\.safetensors cannot be used: "):
        read(tmp_path / "x.safetensors")


def test_a_header_whose_texts_are_none_is_refused(tmp_path: Path) -> None:
    content = json.dumps({"__metadata__": {KIND.key: 5}}).encode()
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", len(content)) + content)
    assert header(tmp_path / "x.safetensors") == {}
    with pytest.raises(UserError, match=r"x\.safetensors cannot be used: not a BigGAN-deep"):
        read(tmp_path / "x.safetensors")


def test_what_is_read_again_is_checked_again(tmp_path: Path) -> None:
    save_file(without("generator.bn.weight"), tmp_path / "x.safetensors", CONFIG.metadata())
    with pytest.raises(UserError, match=r"it lacks generator\.bn\.weight"):
        read(tmp_path / "x.safetensors")
    save_file(STATE, tmp_path / "y.safetensors")
    with pytest.raises(UserError, match="not a BigGAN-deep checkpoint that `p2lbench weights add`"):
        read(tmp_path / "y.safetensors")
    save_file(STATE, tmp_path / "z.safetensors", {"p2lbench-stylegan2": "{}"})
    with pytest.raises(UserError, match="not a BigGAN-deep checkpoint but a StyleGAN2 one"):
        read(tmp_path / "z.safetensors")


def test_an_architecture_survives_its_header(tmp_path: Path) -> None:
    config = Config(layers=PUBLISHED["biggan-deep-128"].layers, eps=1e-5, n_stats=3)
    assert parsed(json.loads(config.metadata()[KIND.key])) == config
