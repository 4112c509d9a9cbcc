"""Checkpoints of the user's own: converted once, listed, checked, part of cells' ids."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import officialpkl
import pytest
import torch
from e2e.kit import PHOTOS, called
from safetensors.torch import load_file, save_file

from p2lbench import weights
from p2lbench.errors import UserError
from p2lbench.generators.base import ObjectStats
from p2lbench.generators.stylegan2.config import KIND
from p2lbench.generators.stylegan2.generator import StyleGAN2

GOLDEN = Path(__file__).parent.parent / "golden"
ADA = load_file(GOLDEN / "stylegan2_ada.safetensors")
STATE = {name[3:]: tensor for name, tensor in ADA.items() if name.startswith("sd.")}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path / "weights"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "weights"


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """A small file in the official format."""
    return written(tmp_path / "Faces.pkl", STATE)


def written(path: Path, state: dict[str, torch.Tensor], **options: Any) -> Path:
    path.write_bytes(officialpkl.official(state, **options))
    return path


def images(name: str) -> torch.Tensor:
    generator = StyleGAN2(name, space="z", clip=False)
    generator.load("cpu")
    return generator.forward(z=ADA["in.z"])


def close(found: torch.Tensor, key: str = "psi1_const") -> None:
    torch.testing.assert_close(found, ADA[f"out.img_{key}"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("protocol", range(2, 6))
def test_an_official_file_gives_its_images(protocol: int, tmp_path: Path) -> None:
    located = weights.bring(written(tmp_path / "f.pkl", STATE, protocol=protocol), "my-faces")
    assert located == weights.locate("my-faces")
    close(images("my-faces"))


def test_settings_come_from_the_layers(tmp_path: Path) -> None:
    for number in (0.75, np.float64(0.75), np.float32(0.75)):
        clamped = {"synthesis.b4.conv1": {"conv_clamp": number}}
        weights.bring(written(tmp_path / "f.pkl", STATE, attributes=clamped))
        close(images("f"), "psi1_const_convclamp0.75")


@pytest.mark.parametrize(
    ("module", "attributes", "message"),
    [
        ("synthesis.b4", {"architecture": "resnet"}, "architecture is not skip"),
        ("mapping.fc0", {"activation": "relu"}, "activation is not lrelu"),
        ("mapping.fc0", {"bias_gain": "x"}, "is no number"),
        ("synthesis.b4.conv1", {"conv_clamp": -1}, "is no number"),
    ],
)
def test_networks_that_are_another_function_are_refused(
    module: str, attributes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    file = written(tmp_path / "f.pkl", STATE, attributes={module: attributes})
    with pytest.raises(UserError, match=message):
        weights.bring(file)


def test_the_source_in_an_official_file_is_not_executed(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    source = f"open({str(canary)!r}, 'w')\nclass Generator: pass\nclass Layer: pass\n"
    weights.bring(written(tmp_path / "f.pkl", STATE, source=source))
    close(images("f"))
    assert not canary.exists()


def test_other_formats(tmp_path: Path) -> None:
    values = load_file(GOLDEN / "rosinality_stylegan2.safetensors")
    state = {name[3:]: tensor for name, tensor in values.items() if name.startswith("sd.")}
    average = values["in.truncation_latent"][0]
    torch.save({"g_ema": state, "latent_avg": average}, tmp_path / "r.pt")
    save_file(STATE, tmp_path / "a.safetensors")
    save_file(STATE, tmp_path / "c.safetensors", {"conv_clamp": "0.75"})
    for name in ("r.pt", "a.safetensors", "c.safetensors"):
        weights.bring(tmp_path / name)
    close(images("a"))
    close(images("c"), "psi1_const_convclamp0.75")
    generator = StyleGAN2("r", space="z", truncation=0.7, clip=False)
    generator.load("cpu")
    found = generator.forward(z=values["in.z"])
    torch.testing.assert_close(found, values["out.img_trunc0.7"], rtol=0, atol=1e-4)


NOT_PLAIN = r"'input\.input' is no tensor of plain numbers"


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda plain: plain.to("meta"), "which is not allowed; expected tensors by name"),
        (lambda plain: torch.nested.nested_tensor([plain]), "which is not allowed"),
        (lambda plain: plain.to(torch.complex64), NOT_PLAIN),
        (lambda plain: plain.to(torch.float8_e5m2), "which is not allowed"),
        (lambda plain: plain[:, :0], NOT_PLAIN),
    ],
    ids=["meta", "nested", "complex", "8 bits", "empty"],
)
def test_tensors_without_plain_numbers_are_refused(
    made: Callable[[torch.Tensor], torch.Tensor], message: str, tmp_path: Path
) -> None:
    torch.save({"g_ema": {"input.input": made(torch.ones(1, 32, 4, 4))}}, tmp_path / "r.pt")
    with pytest.raises(UserError, match=message):
        weights.bring(tmp_path / "r.pt")


def test_a_damaged_zip_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.pt").write_bytes(b"PK\x03\x04" + bytes(20) + b"PK\x05\x06" + b"\xff" * 18)
    with pytest.raises(UserError, match="damaged zip file"):
        weights.bring(tmp_path / "r.pt")


def test_a_converted_file_can_be_brought_elsewhere(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "c.safetensors", {"conv_clamp": "0.75"})
    first = weights.bring(tmp_path / "c.safetensors", "first")
    second = weights.bring(first.path, "second")
    assert second.path.read_bytes() == first.path.read_bytes()


@pytest.mark.parametrize(
    "texts",
    [
        {"conv_clamp": "x"},
        {"conv_clamp": "nan"},
        {"conv_clamp": "-1"},
        {KIND.key: "{"},
        {KIND.key: '{"z_dim": 1}'},
        {KIND.key: '{"x": 1}'},
        {KIND.key: "[" * 5000},
    ],
)
def test_odd_texts_in_a_safetensors_header_are_refused(
    texts: dict[str, str], tmp_path: Path
) -> None:
    save_file(STATE, tmp_path / "c.safetensors", texts)
    with pytest.raises(UserError, match=r"c\.safetensors cannot be used: "):
        weights.bring(tmp_path / "c.safetensors")


def test_the_hash_is_the_sources(faces: Path, folder: Path) -> None:
    located = weights.bring(faces)
    assert (located.name, located.source, located.published) == ("faces", "Faces.pkl", False)
    assert located.sha256 == hashlib.sha256(faces.read_bytes()).hexdigest()
    assert located.path == folder / f"faces-{located.sha256[:8]}.safetensors"
    assert located.note == f"faces: converted from Faces.pkl (sha256 {located.sha256})"


def test_another_file_takes_the_place_of_the_first(faces: Path, tmp_path: Path) -> None:
    first = weights.bring(faces)
    other = {**STATE, "mapping.w_avg": torch.zeros(32)}
    second = weights.bring(written(tmp_path / "other.pkl", other), "faces")
    assert second.sha256 != first.sha256
    assert not first.path.exists()
    assert weights.bring(faces, "faces").path == first.path


def test_a_converted_file_that_changed_or_went_is_noticed(faces: Path) -> None:
    path = weights.bring(faces).path
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(UserError, match="is not what it was; p2lbench weights add"):
        weights.locate("faces")
    (row,) = [row for row in weights.verify() if row.name == "faces"]
    assert row.problem is not None
    told = [row for row in called("doctor", "--json").json["weights"] if row["name"] == "faces"]
    assert told[0]["problem"] == row.problem
    path.unlink()
    with pytest.raises(UserError, match="is gone; p2lbench weights add"):
        weights.locate("faces")


@pytest.mark.parametrize("name", ["", "A", "../x", "a b", "a:b", "-x"])
def test_names_are_checked(name: str, faces: Path) -> None:
    with pytest.raises(UserError, match="is no name for weights"):
        weights.bring(faces, name)


@pytest.mark.parametrize("name", ["lpips-alex", "biggan-fmnist"])
def test_the_catalogues_names_are_taken(name: str, faces: Path) -> None:
    with pytest.raises(UserError, match="is a name of the catalogue"):
        weights.bring(faces, name)


def test_a_missing_file_and_a_damaged_list_are_said(faces: Path, folder: Path) -> None:
    with pytest.raises(UserError, match="faces: no file"):
        weights.bring(faces.with_name("faces.pkl"))
    with pytest.raises(UserError, match="add FILE --as my-faces"):
        weights.locate("my-faces")
    weights.bring(faces)
    whole = json.loads((folder / "converted.json").read_text())["faces"]
    for record in ([], {"file": "x"}, {**whole, "file": None}, {**whole, "kind": "stylegan9"}):
        (folder / "converted.json").write_text(json.dumps({"faces": record}))
        with pytest.raises(UserError, match=r"converted\.json is damaged"):
            weights.listing()
    (folder / "converted.json").write_text("[]")
    with pytest.raises(UserError, match=r"converted\.json is damaged"):
        weights.locate("faces")


@pytest.mark.parametrize("name", ["added.json", "pinned.json"])
def test_other_damaged_lists_are_said(name: str, faces: Path, folder: Path) -> None:
    folder.mkdir()
    (folder / name).write_text('{"lpips-alex": "x", "biggan-deep-128": {"sha256": 1}}')
    with pytest.raises(UserError, match=rf"{name} is damaged"):
        weights.add("biggan-deep-128" if name == "pinned.json" else "lpips-alex", faces)


def suite(folder: Path, **options: Any) -> Path:
    """A suite over the checkpoint `faces`, two optimizers, seconds to run."""
    content = {
        "name": "s",
        "images": [{"file": str(PHOTOS / "bag-126.png"), "mask": {"box": [4, 4, 24, 24]}}],
        "generators": [{"stylegan2": {"weights": "faces", **options}}],
        "optimizers": [{"adam": {"steps": 3}}, {"cma": {"steps": 2}}],
        "metrics": ["l1", "psnr"],
        "candidates": 2,
    }
    (folder / "s.yaml").write_text(json.dumps(content, indent=1))  # JSON is YAML, too
    return folder / "s.yaml"


@pytest.mark.parametrize("options", [{}, {"space": "w+", "noise": "variable", "crop": [24, 32]}])
def test_the_command_brings_a_checkpoint_and_a_suite_runs_over_it(
    options: dict[str, Any], faces: Path, tmp_path: Path
) -> None:
    file = suite(tmp_path, **options)
    before = called("validate", file)
    assert (before.code, before.out) == (2, "")
    assert "p2lbench weights add FILE --as faces" in before.err
    assert len(before.err.strip().splitlines()) == 1

    added = called("weights", "add", faces)
    assert added.code == 0
    assert "converted from Faces.pkl" in added.out
    (listed,) = [row for row in called("weights", "list", "--json").json if row["name"] == "faces"]
    assert (listed["origin"], listed["present"], listed["problem"]) == ("added", True, None)

    ran = called("run", file, "--results", tmp_path / "r", "--executor", "inline", "--json")
    assert (ran.code, ran.json["cells"]["ok"]) == (0, 2)
    again = called("run", file, "--results", tmp_path / "r", "--executor", "inline", "--json")
    assert again.json["cells"]["cached"] == 2


def test_the_checkpoint_is_part_of_a_cells_id(faces: Path, tmp_path: Path) -> None:
    from p2lbench.plan import plan
    from p2lbench.suite import load

    def cell() -> str:
        return next(plan(*load(suite(tmp_path))).cells()).id

    weights.bring(faces)
    first = cell()
    weights.bring(written(tmp_path / "b.pkl", {**STATE, "mapping.w_avg": torch.ones(32)}), "faces")
    assert cell() != first
    weights.bring(faces)
    assert cell() == first


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"crop": [64, 32]}, "s.yaml:20:13: generator 'stylegan2': crop: expected"),
        (
            {"object_stats": {"center": [0.5, 0.5], "size": [0.8, 1.8]}},
            "option 'object_stats.size.1' of generator 'stylegan2': expected at most 1.0, got 1.8",
        ),
        (
            {"object_stats": {"center": [0.5, -0.5], "size": [0.8, 0]}},
            "option 'object_stats.size.1' of generator 'stylegan2': expected more than 0.0, got 0",
        ),
        (
            {"object_stats": {"center": [0.5, 0.5], "sizes": 1}},
            "option 'object_stats.sizes' of generator 'stylegan2': expected no such key",
        ),
        ({"weights": "lpips-alex"}, "weights: 'lpips-alex' is not a StyleGAN2 checkpoint"),
    ],
)
def test_wrong_options_have_a_place(
    options: dict[str, Any], message: str, faces: Path, tmp_path: Path, folder: Path
) -> None:
    weights.bring(faces)
    (tmp_path / "alex.pth").write_bytes(b"alex")
    weights.add("lpips-alex", tmp_path / "alex.pth")
    found = called("validate", suite(tmp_path, **options))
    assert found.code == 2
    assert message in found.err


def test_prealign_works_where_the_objects_are_told(faces: Path, tmp_path: Path) -> None:
    weights.bring(faces)
    stats = {"center": [0.5, 0.4], "size": [0.8, 0.6]}
    for options, outcome in (({}, "skipped"), ({"object_stats": stats}, "ok")):
        file = suite(tmp_path, **options)
        content = {**json.loads(file.read_text()), "transforms": ["prealign"]}
        file.write_text(json.dumps(content))
        ran = called("run", file, "--results", tmp_path / outcome, "--executor", "inline", "--json")
        assert ran.json["cells"][outcome] == 2
    generator = StyleGAN2("faces", object_stats=ObjectStats((0.5, 0.4), (0.8, 0.6)))
    assert generator.object_stats == ObjectStats((0.5, 0.4), (0.8, 0.6))


def test_a_checkpoint_of_another_kind_is_told(tmp_path: Path, folder: Path) -> None:
    values = load_file(GOLDEN / "biggan_tiny.safetensors")
    state = {name[3:]: tensor for name, tensor in values.items() if name.startswith("sd.")}
    torch.save(state, tmp_path / "faces.pt")
    written = json.loads((GOLDEN / "biggan_tiny.json").read_text())["config"]
    (tmp_path / "config.json").write_text(json.dumps(written))
    weights.bring(tmp_path / "faces.pt")
    found = called("validate", suite(tmp_path))
    assert found.code == 2
    assert "weights: 'faces' is not a StyleGAN2 checkpoint but a BigGAN-deep one" in found.err


@pytest.mark.parametrize("words", [("a", "b", "c"), ("a", "b", "--as", "c")])
def test_the_commands_words_are_counted(words: tuple[str, ...]) -> None:
    found = called("weights", "add", *words)
    assert found.code == 2
    assert "expected NAME FILE" in found.err


def test_a_hostile_file_is_one_line_to_the_user(tmp_path: Path, folder: Path) -> None:
    import pickle

    (tmp_path / "x.pkl").write_bytes(pickle.dumps(eval))
    found = called("weights", "add", tmp_path / "x.pkl")
    assert found.code == 2
    assert len(found.err.strip().splitlines()) == 1
    assert "builtins.eval, which is not allowed" in found.err
    assert not folder.exists() or not list(folder.glob("x*"))


def test_the_documented_suite_runs(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "generators.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"```sh\n(p2lbench weights add stylegan2-ada.*?)\n```", page)
    (text,) = re.findall(r"<!-- test: my-faces.yaml -->\n```yaml\n(.*?)```", page, re.S)
    monkeypatch.chdir(tmp_path)
    faces.rename("stylegan2-ada.pkl")
    assert called(*command.split()[1:]).code == 0
    Path("my-faces.yaml").write_text(text)
    shutil.copy(PHOTOS / "bag-126.png", "photo.png")
    ran = called("run", "my-faces.yaml", "--executor", "inline", "--json")
    assert (ran.code, ran.json["cells"]["ok"]) == (0, 4)
