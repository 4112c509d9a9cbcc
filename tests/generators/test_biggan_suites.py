"""Suites over BigGAN-deep: without weights, by names of ImageNet, as documented."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from e2e.kit import PHOTOS, called

from p2lbench import weights
from p2lbench.generators.biggan.config import PUBLISHED, parsed
from p2lbench.generators.biggan.names import shapes, spectral

ROOT = Path(__file__).parents[2]
TINY = json.loads((ROOT / "tests" / "golden" / "biggan_tiny.json").read_text())["config"]
WRITTEN = {**TINY, "num_classes": 1000}
CONFIG = parsed(WRITTEN)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path / "weights"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.chdir(tmp_path)
    shutil.copy(PHOTOS / "bag-126.png", "photo.png")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small network of a thousand classes in place of `biggan-deep-256`."""
    rng = torch.Generator().manual_seed(0)
    state = {
        name: torch.ones(shape) if "vars" in name else torch.randn(shape, generator=rng) * 0.05
        for name, shape in shapes(CONFIG, list(spectral(CONFIG))).items()
    }
    torch.save(state, "x.bin")
    Path("config.json").write_text(json.dumps(WRITTEN))
    monkeypatch.setitem(PUBLISHED, "biggan-deep-256", CONFIG)
    weights.add("biggan-deep-256", "x.bin")


def suite(image: Any = "photo.png", **more: Any) -> Path:
    content = {
        "name": "s",
        "images": [image],
        "generators": ["biggan-deep-256"],
        "losses": [{"l1": 1}],
        "metrics": ["l1", "mse"],
        "optimizers": [{"adam": {"steps": 2}}],
        "candidates": 2,
        **more,
    }
    Path("s.yaml").write_text(json.dumps(content, indent=1))  # JSON is YAML, too
    return Path("s.yaml")


def test_without_weights_it_is_said_what_to_fetch() -> None:
    found = called("validate", suite({"file": "photo.png", "class": "goldfish"}))
    assert (found.code, found.out) == (2, "")
    assert "s.yaml:10:3: biggan-deep-256: weights not found" in found.err
    assert "p2lbench weights fetch biggan-deep-256" in found.err


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("named", ["goldfish", 1, "crane bird", "crane"])
def test_classes_are_imagenets_by_name_or_number(named: str | int) -> None:
    file = suite({"file": "photo.png", "class": named})
    assert called("validate", file).code == 0
    ran = called("run", file, "--executor", "inline", "--json")
    assert (ran.code, ran.json["cells"]["ok"]) == (0, 1)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("named", "said"), [("goldfsh", "'goldfish'?"), (1000, "Expected 0 to")])
def test_other_classes_are_refused(named: str | int, said: str) -> None:
    found = called("validate", suite({"file": "photo.png", "class": named}))
    assert found.code == 2
    assert said in found.err


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("key", [{"class": {}}, {}])
def test_the_classifier_of_imagenet_is_asked_for(key: dict[str, Any]) -> None:
    def validated(classifier: str) -> Any:
        init = {"predicted": {"classifier": classifier}}
        return called("validate", suite(inits=[{"class": init} if key else init]))

    assert "p2lbench weights fetch resnext101" in validated("resnext101").err
    assert "expected one of percep-fmnist, percep-fmnist-heldout, resnext101" in validated("x").err
    assert validated("percep-fmnist").code == 0


@pytest.mark.usefixtures("here")
def test_a_classifier_of_other_classes_skips_and_says_which_to_name() -> None:
    ran = called("run", suite(), "--executor", "inline", "--json")
    assert ran.json["cells"]["skipped"] == 1
    assert "resnext101" in called("leaderboard", "results/s").out


def test_the_options_are_listed() -> None:
    rows = called("list", "generators", "--verbose", "--json").json
    options = {row["name"]: [option["name"] for option in row["options"]] for row in rows}
    for side in (128, 256, 512):
        assert options[f"biggan-deep-{side}"] == ["truncation", "interpolation", "compiled"]
    assert options["biggan-deep"][0] == "weights"
    page = (ROOT / "docs" / "generators.md").read_text(encoding="utf-8")
    section = page.partition("\n## BigGAN-deep\n")[2].partition("\n## ")[0]
    assert {*re.findall(r"^\| `(\w+)` \|", section, re.M)} == {*options["biggan-deep"]}


@pytest.mark.usefixtures("here")
def test_the_documented_suite_runs() -> None:
    page = (ROOT / "docs" / "generators.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"<!-- test: my-photos.yaml -->\n```yaml\n(.*?)```", page, re.S)
    Path("my-photos.yaml").write_text(text)
    ran = called("run", "my-photos.yaml", "--executor", "inline", "--json")
    assert (ran.code, ran.json["cells"]["ok"]) == (0, 2)
