"""The embedded files: complete, small, loadable without torch at import, described truthfully."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import pytest
import torch

from p2lbench import zoo
from p2lbench.zoo.cards import render
from p2lbench.zoo.export import training_facts


def test_importing_the_zoo_imports_no_torch() -> None:
    code = "import sys, p2lbench.zoo; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_all_embedded_files_stay_below_ten_megabytes() -> None:
    files = [path for name in zoo.NAMES for path in zoo.folder(name).iterdir()]
    assert sum(path.stat().st_size for path in files) <= 10_000_000


def test_loading_leaves_the_global_stream_alone() -> None:
    before = torch.get_rng_state()
    zoo.load_biggan_fmnist()
    zoo.load_classifier("percep-fmnist")
    assert torch.equal(before, torch.get_rng_state())


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="no embedded model 'biggan'"):
        zoo.weights("biggan")
    with pytest.raises(ValueError, match="no embedded classifier 'biggan-fmnist'"):
        zoo.load_classifier("biggan-fmnist")


@pytest.mark.parametrize("name", zoo.NAMES)
def test_figures_are_those_of_the_shipped_weights(name: str) -> None:
    figures = json.loads((zoo.folder(name) / "figures.json").read_text(encoding="utf-8"))
    assert figures["sha256"] == zoo.sha256(name)
    assert zoo.sha256(name) == hashlib.sha256(zoo.weights(name).read_bytes()).hexdigest()
    assert figures["training"] == training_facts(zoo.weights(name))


@pytest.mark.parametrize("name", zoo.NAMES)
def test_cards_say_what_the_figures_say(name: str) -> None:
    out = zoo.folder(name)
    figures = json.loads((out / "figures.json").read_text(encoding="utf-8"))
    assert (out / "CARD.md").read_text(encoding="utf-8") == render(name, figures)


def test_figures_reach_what_is_promised() -> None:
    for name in zoo.CLASSIFIERS:
        figures = json.loads((zoo.folder(name) / "figures.json").read_text(encoding="utf-8"))
        assert figures["test_accuracy"] >= 0.92
        assert figures["parameters"] <= 300_000
    figures = json.loads((zoo.folder(zoo.NAMES[0]) / "figures.json").read_text(encoding="utf-8"))
    for judge in zoo.CLASSIFIERS:
        seen = figures["truncations"]["1.0"][judge]
        assert seen["share"] >= 0.9
        assert seen["frechet"] > figures["floor"][judge]["frechet"] > 0
