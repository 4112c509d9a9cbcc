"""What is wrong with a suite, where, and all of it at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fakesuite import SUITE, errors, folder, loaded, loader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p2lbench.errors import UserError
from p2lbench.plan import plan
from p2lbench.suite import load
from p2lbench.suitefile import Written

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
    ("experiment: table4", ["9:13: unknown experiment 'table4'. Did you mean 'table3'?"]),
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
    ("[gan]", "[{filed: {file: gone.pt}}]", ["5:14: gone.pt: No such file or directory; a plugin"]),
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


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
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
