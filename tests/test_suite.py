"""A suite file → a Suite; what is wrong with it, where, all of it at once."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fakesuite import BUILT_IN, SUITE, folder, loader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import p2lbench
from p2lbench.errors import PluginError, SuiteErrors, UserError
from p2lbench.plan import plan
from p2lbench.plugins import Plugins, Report
from p2lbench.spec import Search, Spec
from p2lbench.suite import Suite, find, load, shipped
from p2lbench.suitefile import Written


def loaded(path: Path, *overrides: str) -> Suite:
    return load(path, overrides=overrides, load_plugins=loader())[0]


def read(tmp_path: Path, more: str = "", suite: str = SUITE, *overrides: str) -> Suite:
    return loaded(folder(tmp_path, suite + more), *overrides)


def errors(tmp_path: Path, text: str, *overrides: str) -> list[str]:
    """What is said of a suite, paths relative to its folder."""
    path = folder(tmp_path, text)
    with pytest.raises(UserError) as caught:
        loaded(path, *overrides)
    error = caught.value
    found = error.errors if isinstance(error, SuiteErrors) else [error]
    return [str(each).replace(f"{tmp_path}/", "") for each in found]


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
    (tmp_path / "published").mkdir()
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


# More lines for SUITE (which has 8), settings, and what is said: all of it.
WRONG: list[tuple[str, list[str]]] = [
    ("candidatess: 3", ["9:1: unknown key 'candidatess'. Did you mean 'candidates'? Known"]),
    ("candidates: 0", ["9:13: candidates: expected at least 1, got 0"]),
    ("candidates: '8'", ["9:13: candidates: expected a whole number, got '8'"]),
    ("candidates: true", ["9:13: candidates: expected a whole number, got true"]),
    ("candidates:", ["9:1: candidates: expected a whole number, got nothing"]),
    ("repeats: 0", ["9:10: repeats: expected at least 1"]),
    ("threads: 0", ["9:10: threads: expected at least 1"]),
    ("timeout: 0", ["9:10: timeout: expected more than 0"]),
    ("seed: -1", ["9:7: seed: expected at least 0"]),
    ("seed: 99999999999999999999", ["9:7: seed: expected at most"]),
    ("budget: {passes: 0}", ["9:18: budget.passes: expected at least 1"]),
    ("budget: {passes: 1.5}", ["9:18: budget.passes: expected a whole number"]),
    ("budget: {pases: 1}", ["9:10: unknown key 'pases'. Did you mean 'passes'? Known"]),
    ("budget: {protocol: fair}", ["9:20: budget.protocol: expected 'paper' or 'equal'"]),
    ("budget: {protocol: equal}", ["9:20: protocol equal needs a number of passes"]),
    ("budget: 100", ["9:9: budget: expected a mapping, got 100"]),
    ("losses: []", ["9:9: losses: expected at least 1"]),
    ("losses: l1", ["9:9: losses: expected a list, got 'l1'"]),
    ("losses: [l3]", ["9:10: unknown loss 'l3'. Did you mean"]),
    ("losses: [{l1: 0}]", ["9:15: expected a weight above 0 for 'l1', got 0"]),
    ("losses: [{l1: x}]", ["9:15: expected a weight above 0 for 'l1', got 'x'"]),
    ("losses: [{l1: true}]", ["9:15: expected a weight above 0 for 'l1', got true"]),
    ("losses: [{l1: 1, l3: 2}]", ["9:18: unknown loss 'l3'"]),
    ("losses: [{as: x}]", ["9:10: `as:` names a row, but there is nothing"]),
    ("losses: [psnr]", ["9:10: 'psnr' is measured, not optimised"]),
    ("losses: [{l1: 1, watched: 1}]", ["9:18: 'watched' is measured, not optimised"]),
    ("losses: [{l1: {weight: 1, maskd: a}}]", ["9:27: loss 'l1' has no option 'maskd'"]),
    ("losses: [l1, {l1: 1}]", ["9:14: two rows are called 'l1': add `as:`"]),
    ("losses: [{l1: 1, as: 5}]", ["9:22: as: expected the name of the row, got 5"]),
    ('losses: [{l1: 1, as: "a\\e[0m"}]', ["9:22: as: expected the name of the row"]),
    ("metrics: [l1, l1]", ["9:15: two rows are called 'l1'"]),
    ("metrics: [lpis]", ["9:11: unknown metric 'lpis'."]),
    ("transforms: [spatal]", ["9:14: unknown transform 'spatal'. Did you mean 'spatial'?"]),
    ("transforms: [spatial+colr, 5]", ["9:14: unknown transform 'colr'. Did you mean",
                                       "9:28: expected a name or {name: options}, got 5"]),
    ("transforms: [none+spatial]", ["9:14: 'none' cannot be part of 'none+spatial'"]),
    ("transforms: [{none: {x: 1}}]", ["9:21: 'none' has no options"]),
    ("transforms: [{prealign: {search: {}}}]", ["9:26: 'prealign' is not searched"]),
    ("transforms: [{spatial: {search: {outer_step: 1}}}]",
     ["9:34: transform 'search' has no option 'outer_step'. Did you mean 'outer_steps'?"]),
    ("transforms: [{spatial: {search: {inner: adm}}}]", ["9:41: unknown optimizer 'adm'"]),
    ("transforms: [{spatial: {search: 3}}]", ["9:33: expected the search's options, got 3"]),
    ("transforms: [{spatial+color: {blur: true}}]", ["9:31: 'spatial+color' has no option"]),
    ("inits: [predictd]", ["9:9: unknown init 'predictd'. Did you mean 'predicted'?"]),
    ("inits: [{class: predicted, z: encodr}]", ["9:31: unknown init 'encodr'."]),
    ("plugins: [nowhere.py]", ["9:11: nowhere.py: no such plugin file"]),
    ("roles: {c: moving}", ["9:12: roles.c: expected 'both', 'gradient', 'search' or"]),
    ("background: 1.5", ["9:13: background: expected at most 1.0, got 1.5"]),
    ("mask_scoring: firm", ["9:15: mask_scoring: expected 'soft' or 'hard', got 'firm'"]),
    ("baseline: admm", ["9:11: no optimizer row 'admm'. Did you mean 'adam'? Rows: adam"]),
    ("reference: nowhere", ["9:12: nowhere: no such results folder"]),
    ("exclude: [{optimizer: cma}]", ["9:12: unknown axis 'optimizer'. Did you mean 'opti"]),
    ("exclude: [{optimizers: cmaa}]", ["9:24: no row 'cmaa' in optimizers. Did you mean"]),
    ("exclude: [{}]", ["9:11: expected {axis: row}, with the axes generators, losses"]),
    ("exclude: [{losses: l1+10*percep}]", ["9:10: every method is excluded"]),
    ("inits: [none, predicted]\nexclude: [{inits: none}, {inits: predicted}]",
     ["10:10: every method is excluded: nothing is left"]),
    ("include: [{optimizers: cmaa}]", ["9:24: no row 'cmaa' in optimizers. Did you mean"]),
    ("include: [{optimizers: {adam: {steps: 0}, as: x}}]", ["9:39: optimizer 'adam': steps"]),
    ("include: [{optimizers: {adam: {steps: 5}}}]", ["9:24: 'adam' is the name of another"]),
    ("name: other", ["9:1: 'name' is here twice, first in line 1: remove one"]),
]  # fmt: skip


@pytest.mark.parametrize(("more", "expected"), WRONG)
def test_what_is_wrong_is_said_where_it_stands(
    tmp_path: Path, more: str, expected: list[str]
) -> None:
    found = errors(tmp_path, SUITE + more + "\n")
    assert len(found) == len(expected), found
    for error, start in zip(found, expected, strict=True):
        assert error.startswith(f"my.yaml:{start}")


CHANGED: list[tuple[str, str, list[str]]] = [
    ("name: mine", "name: ../up", ["1:7: expected a name of letters, digits"]),
    ("name: mine", "name: 5", ["1:7: name: expected a text, got 5"]),
    ("name: mine\n", "", ["1:1: missing key 'name'"]),
    ("generators: [gan]\n", "", ["1:1: missing key 'generators'"]),
    ("[gan]", "[gann]", ["5:14: unknown generator 'gann'. Did you mean 'gan'?"]),
    ("[gan]", "[{gan: {truncation: x}}]", ["5:33: option 'truncation' of generator 'gan'"]),
    ("[gan]", "[undecided]", ["5:13: the generators have no default loss: add `losses:`"]),
    ("[gan]", "[gan, undecided]", ["5:13: the generators have different default losses"]),
    ("[gan]", "[gan, heavy]", ["5:19: lpips-vgg: weights not found"]),
    ("cma\n", "cmaa\n", ["8:5: unknown optimizer 'cmaa'. Did you mean 'cma'? See: p2lbench"]),
    ("steps: 200", "steps: 0", ["7:19: optimizer 'adam': steps: expected at least 1, got 0"]),
    ("steps: 200", "step: 200", ["7:12: optimizer 'adam' has no option 'step'. Did you"]),
    ("- cma", "- adam", ["8:5: two rows are called 'adam': add `as:`"]),
    ("class: 1", "class: 2", ["4:26: generator 'gan' has no class 2. Expected 0 to 1, or one"]),
    ("class: bag", "class: bagg", ["3:26: generator 'gan' has no class 'bagg'. Did you mean"]),
    ("a.png", "c.png", ["3:12: c.png: no such image file: check the path"]),
    ("a.png", "my.yaml", ["3:12: my.yaml: not an image"]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), CHANGED)
def test_what_is_wrong_in_the_required_part(
    tmp_path: Path, old: str, new: str, expected: list[str]
) -> None:
    found = errors(tmp_path, SUITE.replace(old, new))
    assert len(found) == len(expected), found
    for error, start in zip(found, expected, strict=True):
        assert error.startswith(f"my.yaml:{start}")


def test_a_ground_truth_init_needs_every_class(tmp_path: Path) -> None:
    text = SUITE.replace(", class: 1", "") + "inits: [ground-truth]\n"
    (error,) = errors(tmp_path, text)
    assert error.startswith("my.yaml:4:5: init 'ground-truth' needs the class of 'b': add `class:`")


def test_all_errors_come_at_once_in_the_files_order(tmp_path: Path) -> None:
    text = """\
nam: x
images: [a.png, none.png]
generators: [gann]
losses: [l3]
optimizers:
  - adam: {steps: 0, lr: x}
  - cmaa
transforms: [spatal]
candidates: 0
budget: {protocol: equal}
"""
    found = errors(tmp_path, text)
    assert [error.partition(": ")[0] for error in found] == [
        "my.yaml:1:1",  # unknown key and missing key
        "my.yaml:1:1",
        "my.yaml:2:17",
        "my.yaml:3:14",
        "my.yaml:4:10",
        "my.yaml:6:26",
        "my.yaml:7:5",
        "my.yaml:8:14",
        "my.yaml:9:13",
        "my.yaml:10:20",
    ]


def test_errors_of_settings_name_the_setting(tmp_path: Path) -> None:
    assert errors(tmp_path, SUITE, "budget.passes=0") == [
        "--set budget.passes: budget.passes: expected at least 1, got 0"
    ]
    (error,) = errors(tmp_path, SUITE, "optimizers.1=cmaa")
    assert error.startswith("--set optimizers.1: unknown optimizer 'cmaa'")
    (error,) = errors(tmp_path, SUITE, "images.7=x")
    assert error == "--set images.7: expected a number below 2, got '7'"


def test_paths_are_shown_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder(tmp_path, SUITE.replace("a.png", "c.png"))
    with pytest.raises(UserError, match=r"^my\.yaml:3:12: c\.png: no such image file"):
        loaded(Path("my.yaml"))


@pytest.mark.parametrize("text", ["5", "[a]", "just text", "null"])
def test_a_suite_is_a_mapping(tmp_path: Path, text: str) -> None:
    assert errors(tmp_path, text)[0].startswith("my.yaml:1:1: expected 'key: value' lines")


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


def test_an_unknown_name_may_belong_to_a_plugin_that_did_not_load(tmp_path: Path) -> None:
    path = folder(tmp_path, SUITE.replace("- cma", "- theirs"))
    broken = Report("their-plugin", BUILT_IN, error="ImportError: no module named x")
    with pytest.raises(UserError) as caught:
        load(path, load_plugins=loader([broken]))
    assert str(caught.value).endswith("; plugin 'their-plugin' did not load: ImportError: no "
                                      "module named x")  # fmt: skip


def test_plugin_files_are_loaded_in_order(tmp_path: Path) -> None:
    (tmp_path / "one.py").touch()
    asked: list[Sequence[Path]] = []

    def remember(files: Sequence[Path]) -> Plugins:
        asked.append(files)
        return loader()(files)

    path = folder(tmp_path, SUITE + "plugins: [one.py]\n")
    load(path, [Path("two.py")], load_plugins=remember)
    assert asked == [(tmp_path / "one.py", Path("two.py"))]


def test_a_plugin_file_that_does_not_load_is_placed(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("1 / 0")
    path = folder(tmp_path, SUITE + "candidates: 0\nplugins: [bad.py]\n")
    with pytest.raises(SuiteErrors) as caught:
        load(path)
    first, second = map(str, caught.value.errors)
    assert "my.yaml:9:13: candidates" in first
    assert "my.yaml:10:11: plugin" in second
    assert "ZeroDivisionError" in second

    def fail(files: Sequence[Path]) -> Any:
        raise PluginError(f"plugin {files[0].resolve()} does not load: it is bad")

    with pytest.raises(UserError) as caught_one:
        load(folder(tmp_path), [tmp_path / "bad.py"], load_plugins=fail)
    assert str(caught_one.value).startswith("plugin /")


def test_suites_are_found_by_path_before_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find("quickstart") == shipped()["quickstart"]
    Path("quickstart").mkdir()  # a results folder, say
    assert find("quickstart") == shipped()["quickstart"]
    Path("quickstart").rmdir()
    Path("quickstart").touch()
    assert find("quickstart") == Path("quickstart")
    with pytest.raises(UserError, match=r"unknown suite 'quikstart'\. Did you mean 'quickstart'"):
        find("quikstart")
    for path in ("none.yaml", "some/none"):
        with pytest.raises(UserError, match=f"no such suite file: .*{path}"):
            find(path)
    with pytest.raises(UserError, match="expected a file, got a folder"):
        load(tmp_path)


def test_shipped_suites_are_those_of_the_wheel_if_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "p2lbench"
    (package / "_suites").mkdir(parents=True)
    monkeypatch.setattr(p2lbench, "__file__", str(package / "__init__.py"))
    assert shipped() == {}
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "a.yaml").touch()
    assert [*shipped()] == ["a"]
    (package / "_suites" / "b.yaml").touch()
    assert [*shipped()] == ["b"]


@pytest.mark.parametrize("name", [*shipped()])
def test_shipped_suites_are_valid_where_their_plugins_are(name: str) -> None:
    problem = ""
    try:
        assert load(name)[0].name == name
    except UserError as error:
        problem = str(error)
    # A suite on a plugin is tested with the plugin; without it, it says what to install.
    missing = r".*\.yaml:\d+:\d+: the plugin '.*' is not installed: pip install .*"
    assert not problem or re.fullmatch(missing, problem)


def test_plugins_may_name_distributions(tmp_path: Path) -> None:
    given: list[Sequence[Path]] = []

    def remember(files: Sequence[Path]) -> Plugins:
        given.append(files)
        return loader()(files)

    (tmp_path / "one.py").touch()
    path = folder(tmp_path, SUITE + "plugins: [pluggy, one.py, typing-extensions]\n")
    suite, _ = load(path, load_plugins=remember)
    assert given == [(tmp_path / "one.py",)] == [suite.plugin_files]


def test_a_distribution_that_is_not_installed_is_placed(tmp_path: Path) -> None:
    (said,) = errors(tmp_path, SUITE + "plugins: [pluggy, p2lbench-nowhere]\n")
    start = "my.yaml:9:19: the plugin 'p2lbench-nowhere' is not installed: pip install "
    assert said.startswith(start + "p2lbench-nowhere ")
    assert "p2lbench-nowhere.py" in said


def test_a_plugin_of_the_checkout_is_installed_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "plugins" / "p2lbench-nowhere"
    source.mkdir(parents=True)
    (source / "pyproject.toml").touch()
    monkeypatch.setattr(p2lbench, "__file__", str(tmp_path / "p2lbench" / "__init__.py"))
    (said,) = errors(tmp_path, SUITE + "plugins: [p2lbench-nowhere]\n")
    assert "pip install plugins/p2lbench-nowhere " in said


def test_the_plugin_example_in_a_suite(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from p2lbench.api import Optimizer, hookimpl\n\n\n"
        "class Mine(Optimizer):\n"
        "    def __init__(self, lr: float = 0.01) -> None:\n"
        "        self.lr = lr\n\n"
        "    def minimize(self, problem):\n"
        "        return problem.start\n\n\n"
        "@hookimpl\n"
        "def register_optimizers(register):\n"
        '    register("mine", Mine)\n'
    )
    text = SUITE.replace("[gan]", "[biggan-fmnist]").replace("- cma", "- mine: {lr: 1}")
    text = text.replace(": 200", ": 2").replace("class: 1", "class: bag")
    suite, found = load(folder(tmp_path, text + "plugins: [mine.py]\n"))
    assert suite.optimizers[1].spec.options == {"lr": 1.0}
    assert not [report for report in found.broken if report.file]


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


ODD_KEYS = ["as", "file", "search", "adam", "l1", "x", "box", "polygon", "detect", "mask-rcnn"]
odd = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
odder = st.recursive(
    odd | st.sampled_from(["adam", "spatial", "a.png", "none", "x" * 300, "nul\0", "..", "/"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(ODD_KEYS), inner),
    max_leaves=4,
)
KEYS = [*Written.model_fields, "images.0", "images.0.class", "images.0.mask", "images.0.file",
        "optimizers.0", "optimizers.0.adam", "optimizers.0.adam.lr", "losses.0", "inits.0",
        "transforms.0", "exclude.0", "include.0", "budget.passes"]  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(KEYS), odder), min_size=1, max_size=3))
def test_whatever_stands_in_a_suite_raises_nothing_but_user_errors(
    tmp_path: Path, changes: list[tuple[str, Any]]
) -> None:
    more = (
        "losses: [{l1: 1}]\ninits: [predicted]\ntransforms: [none]\nexclude: [{}]\n"
        "include: [{}]\nbudget: {passes: 1}\n"
    )
    overrides = [f"{key}={json.dumps(value)}" for key, value in changes]
    path = tmp_path / "my.yaml"
    if not path.exists():
        folder(tmp_path, SUITE + more)
    try:
        suite, found = load(path, overrides=overrides, load_plugins=loader())
        list(plan(suite, found).cells())
    except UserError as error:
        str(error).encode()


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
