"""What a suite says, and what follows from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fakesuite import SUITE, errors, read

from p2lbench.spec import Search, Spec
from p2lbench.store import Store


def test_defaults(tmp_path: Path) -> None:
    suite = read(tmp_path)
    assert suite.name == "mine"
    assert [image.name for image in suite.images] == ["a", "b"]
    assert [row.label for row in suite.losses] == ["l1+10*percep"]
    assert [row.label for row in suite.transforms] == ["none"]
    assert [row.label for row in suite.inits] == ["ground-truth"]
    assert [row.label for row in suite.optimizers] == ["adam", "cma"]
    assert suite.metric_labels == ("l1", "l2", "percep")
    assert [spec.name for spec in suite.metrics] == ["l1", "l2", "percep"]
    assert (suite.candidates, suite.repeats, suite.seed) == (8, 1, 0)
    assert (suite.timeout, suite.threads, suite.protocol) == (600.0, 1, "paper")
    assert (suite.budget.passes, suite.budget.seconds) == (float("inf"), float("inf"))
    assert (suite.mask_scoring, suite.baseline, suite.reference) == (None, None, None)
    assert suite.text == SUITE


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    (tmp_path / "mine.py").touch()
    with Store.create_or_open(tmp_path / "published", "quick") as store:
        store.set_header({"name": "quick"})
    more = """\
losses: [l2, {percep: 10, l1: 0.5}, {l1: {weight: 2, masked: whole}, as: l1 whole}]
metrics: [psnr, {l1: {masked: whole}, as: l1 whole}]
transforms:
  - none
  - prealign
  - spatial
  - spatial+color
  - a+b
  - spatial: {search: {inner: {adam: {lr: 0.1}}, outer_steps: 5, redraw: none}, blur: true}
    as: blurred
inits: [none, predicted, {predicted: {spread: 1}, as: spread}, {z: encoder, class: predicted}]
candidates: 3
repeats: 2
budget: {passes: 100, seconds: 60, protocol: equal}
timeout: 5
threads: 2
seed: 7
plugins: [mine.py]
roles: {z: both, c: frozen}
mask_scoring: hard
baseline: adam
reference: published
"""
    suite = read(tmp_path, more)
    assert [r.label for r in suite.losses] == ["l2", "10*percep+0.5*l1", "l1 whole"]
    assert [(s.name, w) for s, w in suite.losses[1].terms] == [("l1", 0.5), ("percep", 10.0)]
    assert suite.losses[2].terms == ((Spec("losses", "l1", {"masked": "whole"}), 2.0),)
    assert suite.metric_labels == ("psnr", "l1 whole")
    chains = {chain.label: chain for chain in suite.transforms}
    assert [*chains] == ["none", "prealign", "spatial", "spatial+color", "a+b", "blurred"]
    assert (chains["none"].parts, chains["none"].search) == ((), None)
    assert chains["prealign"].search is None
    assert [p.name for p in chains["spatial+color"].parts] == ["spatial", "color"]
    assert [p.name for p in chains["a+b"].parts] == ["a+b"]
    blurred = chains["blurred"].search
    assert isinstance(blurred, Search)
    assert (blurred.outer.name, blurred.outer_steps, blurred.inner_steps) == ("cma", 5, 30)
    assert (blurred.inner.options["lr"], blurred.sigma, blurred.redraw) == (0.1, 0.316, "none")
    assert chains["blurred"].parts[0].options == {"blur": True}
    assert [r.label for r in suite.inits] == ["none", "predicted", "spread", "encoder+predicted"]
    assert suite.inits[0].parts == ()
    assert [v for v, _ in suite.inits[3].parts] == ["class", "z"]
    assert (suite.candidates, suite.repeats, suite.seed, suite.threads) == (3, 2, 7, 2)
    assert (suite.budget.passes, suite.budget.seconds, suite.protocol) == (100, 60.0, "equal")
    assert suite.plugin_files == (tmp_path / "mine.py",)
    assert suite.roles == (("c", "frozen"), ("z", "both"))
    assert (suite.mask_scoring, suite.baseline) == ("hard", "adam")
    assert suite.reference == tmp_path / "published"


def test_inits_follow_from_classes_and_generators(tmp_path: Path) -> None:
    without = SUITE.replace(", class: 1", "")
    assert [r.label for r in read(tmp_path, "", without).inits] == ["predicted"]
    plain = SUITE.replace("[gan]", "[plain-gan]")
    assert [r.label for r in read(tmp_path, "", plain).inits] == ["none"]
    both = read(tmp_path, "", SUITE.replace("[gan]", "[gan, plain-gan]"))
    assert [r.label for r in both.inits] == ["ground-truth"]
    assert both.without_init == {"plain-gan"}


def test_settings_change_the_suite(tmp_path: Path) -> None:
    overrides = ("candidates=2", "optimizers.0.adam.steps=9", "budget.passes=50")
    suite = read(tmp_path, "", SUITE, *overrides)
    assert (suite.candidates, suite.budget.passes) == (2, 50)
    assert suite.optimizers[0].spec.options["steps"] == 9
    assert suite.overrides == overrides


def test_exclude_and_include(tmp_path: Path) -> None:
    more = """\
inits: [predicted, none]
exclude: [{inits: none, optimizers: adam}]
include:
  - {optimizers: {adam: {steps: 3}, as: adam-short}}
  - {inits: none, optimizers: adam}
baseline: adam-short
"""
    suite = read(tmp_path, more)
    assert suite.exclude == ({"inits": "none", "optimizers": "adam"},)
    assert [method.row[3:] for method in suite.include] == [
        ("predicted", "adam-short"),
        ("none", "adam"),
    ]


def test_an_exclude_that_drops_nothing_is_a_mistake(tmp_path: Path) -> None:
    text = SUITE.replace("[gan]", "[gan, plain-gan]")
    (error,) = errors(tmp_path, text + "exclude: [{generators: gan, inits: none}]\n")
    assert error.startswith("my.yaml:9:11: this excludes nothing")
    suite = read(tmp_path, "exclude: [{inits: none, optimizers: cma}]\n", text)
    assert suite.exclude == ({"inits": "none", "optimizers": "cma"},)


def test_two_included_rows_of_one_name(tmp_path: Path) -> None:
    suite = SUITE.replace("  - cma\n", "")
    same = "include: [{optimizers: cma}, {optimizers: cma, losses: l2}]\n"
    assert [m.optimizer.label for m in read(tmp_path, same, suite).include] == ["cma", "cma"]
    other = "include: [{optimizers: cma}, {optimizers: {cma: {steps: 3}}, losses: l2}]\n"
    (said,) = errors(tmp_path, suite + other)
    assert said == "my.yaml:8:43: 'cma' is the name of another row: add `as:`"


def test_what_is_for_tuning_stands_apart(tmp_path: Path) -> None:
    suite = read(tmp_path, "", SUITE.replace("class: 1", "class: 1, split: tune"))
    assert [image.name for image in suite.images] == ["a"]
    assert [image.name for image in suite.tune_images] == ["b"]


def test_what_settings_may_be(tmp_path: Path) -> None:
    text = SUITE.replace("  - cma\n", "  - {cma: {}, settings: guessed}\n")
    (said,) = errors(tmp_path, text)
    assert said == "my.yaml:8:25: settings: expected tuned, default, paper, got 'guessed'"
    suite = read(tmp_path, "", text.replace("guessed", "paper"))
    assert [row.settings for row in suite.optimizers] == [None, "paper"]


def test_validating_imports_no_torch() -> None:
    code = (
        "import sys\n"
        "from p2lbench.plan import plan\n"
        "from p2lbench.suite import load\n"
        "suite, plugins = load('quickstart')\n"
        "assert len(list(plan(suite, plugins, 'cpu').cells())) >= 30\n"
        "sys.exit([n for n in ('torch', 'nevergrad', 'scipy') if n in sys.modules] or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
