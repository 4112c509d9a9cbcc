"""Step sizes that a suite gives: read, checked, in the id, and taken."""

from __future__ import annotations

import json
import re
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
import torch
from e2e.kit import PHOTOS, ran_inline, tasks, written
from fakesuite import SUITE, folder, loader
from safetensors.torch import load as tensors

from p2lbench import suite as suites
from p2lbench.errors import UserError
from p2lbench.plan import plan
from p2lbench.project import prepare
from p2lbench.space import Variable
from p2lbench.steps import Step, scale, stepped

ONE = {"adam": {"steps": 1}}


def read(path: Path, *overrides: str) -> Any:
    return suites.load(path, overrides=overrides, load_plugins=loader())


def ids(path: Path, *overrides: str) -> list[str]:
    return [cell.id for cell in plan(*read(path, *overrides)).cells()]


def gan(folder: Path, **keys: Any) -> Path:
    """One step of Adam on the embedded generator, from a certain class vector."""
    image = {"file": str(PHOTOS / "bag-126.png"), "class": "bag"}
    basis = {
        "plugins": None,
        "generators": ["biggan-fmnist"],
        "images": [image],
        "optimizers": [ONE],
    }
    return written(folder, **{**basis, "metrics": ["l1"], **keys})


def test_numbers_and_relative_ones_are_read(tmp_path: Path) -> None:
    suite, _ = read(folder(tmp_path, SUITE + "steps: {z: 1, c: {relative: 0.01}}\n"))
    assert suite.steps == (("c", Step(0.01, relative=True)), ("z", Step(1.0)))
    assert read(folder(tmp_path))[0].steps == ()


@pytest.mark.parametrize(
    ("written_as", "message"),
    [
        ("{c: 0}", r"my.yaml:9:12: steps.c: expected more than 0"),
        ("{c: -0.1}", r"my.yaml:9:12: steps.c: expected more than 0"),
        ("{c: .inf}", r"my.yaml:9:12: .*"),
        ("{c: fast}", r"my.yaml:9:12: steps.c: expected a number or a mapping, got 'fast'"),
        ("{c: {relative: 0}}", r"my.yaml:9:23: steps.c.relative: expected more than 0"),
        ("{c: {relativ: 1}}", r"my.yaml:9:\d+: "),
        ("{c: {}}", r"my.yaml:9:12: "),
        ("0.1", r"my.yaml:9:8: steps: expected a mapping"),
    ],
)
def test_what_is_no_step_size_is_refused_where_it_stands(
    tmp_path: Path, written_as: str, message: str
) -> None:
    with pytest.raises(UserError) as caught:
        read(folder(tmp_path, SUITE + f"steps: {written_as}\n"))
    assert re.search(message, str(caught.value)), str(caught.value)


def test_a_variable_that_no_generator_has(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        suites.load(gan(tmp_path, steps={"z": 0.1, "w": 0.1}))
    assert re.search(r"s.yaml:\d+:\d+: no generator has a variable 'w'", str(caught.value))
    assert "Variables: z, c, phi" in str(caught.value)


def test_only_a_suite_that_has_them_hashes_them(tmp_path: Path) -> None:
    """Results of before the key was there stay valid."""
    path = folder(tmp_path)
    assert steps_hashed(path) == {None}
    assert steps_hashed(path, "steps.c={relative: 0.1}") == {None, '{"c": {"relative": 0.1}}'}


def steps_hashed(path: Path, *overrides: str) -> set[str | None]:
    """What ids have of steps, in what they are hashes of."""
    suite, plugins = suites.load(path, overrides=overrides, load_plugins=loader())
    contents = [json.loads(content) for _, content in plan(suite, plugins).identities()]
    return {None if "steps" not in c else json.dumps(c["steps"]) for c in contents}


def test_each_value_makes_ids_of_its_own(tmp_path: Path) -> None:
    path = folder(tmp_path)
    plain = ids(path)
    assert ids(path, "steps={}") == plain
    found = [
        *plain,
        *ids(path, "steps.c=0.1"),
        *ids(path, "steps.z=0.1"),
        *ids(path, "steps.c={relative: 0.1}"),
        *ids(path, "steps={c: 0.1, z: 0.1}"),
    ]
    assert len({*found}) == len(found) == 5 * len(plain)
    assert ids(path, "steps={z: 0.1, c: 0.1}") == found[-len(plain) :]


@pytest.mark.parametrize(
    ("std", "expected"),
    [
        (2.0, 2.0),
        (torch.tensor([3.0, 4.0]), sqrt(12.5)),
        (torch.tensor([[1.0, 7.0]]), 5.0),
    ],
)
def test_the_scale_is_the_root_mean_square_of_the_priors_deviation(
    std: Any, expected: float
) -> None:
    variable = Variable("c", (2,), std=std)
    assert scale(variable) == pytest.approx(expected)
    assert Step(0.1, relative=True).of(variable) == pytest.approx(0.1 * expected)
    assert Step(0.1).of(variable) == 0.1


def test_only_what_is_named_changes() -> None:
    z, c = Variable("z", (2,)), Variable("c", (2,), step=0.5, role="gradient")
    assert stepped([z, c], ()) == [z, c]
    changed = stepped([z, c], (("c", Step(0.1)), ("phi", Step(9.0))))
    assert changed == [z, Variable("c", (2,), step=0.1, role="gradient")]


def test_the_space_of_a_cell_has_them(tmp_path: Path) -> None:
    _, _, models, (task,) = tasks(gan(tmp_path, steps={"z": 0.2, "c": {"relative": 0.01}}))
    setting = prepare(task, models)
    z, c = (setting.space.slices[name] for name in "zc")
    assert setting.space.steps[z].unique().tolist() == pytest.approx([0.2])
    expected = 0.01 * setting.space.std[c].square().mean().sqrt().item()
    assert setting.space.steps[c].unique().tolist() == pytest.approx([expected])
    assert 0.001 < expected < 0.003  # BigGAN's class vectors are about 0.19 a column


def moved(folder: Path, optimizer: Any, **keys: Any) -> dict[str, float]:
    """The most that one step moves any column of each variable."""
    folder.mkdir()
    optimizers = ["none", {**optimizer, "as": "moved"}]
    _, found = ran_inline(gan(folder, optimizers=optimizers, **keys))
    start, end = (tensors(found[name].latents) for name in ("none", "moved"))
    return {name: (end[name] - start[name]).abs().max().item() for name in "zc"}


RATE = {"adam": {"steps": 1, "lr": 0.3}}
RATES = {"adam": {"steps": 1, "lr": {"c": 0.02}}}


@pytest.mark.parametrize(
    ("optimizer", "z", "c"),
    [
        (ONE, 0.1, 0.001),
        (RATE, 0.3, 0.001),
        (RATES, 0.1, 0.02),
        ({"torch:Adam": {"steps": 1}}, 0.1, 0.001),
        ({"chain": {"stages": [ONE]}}, 0.1, 0.001),
    ],
    ids=["adam", "lr", "lr-by-name", "torch", "chain"],
)
def test_a_step_is_as_long_as_the_suite_says_unless_lr_does(
    tmp_path: Path, optimizer: Any, z: float, c: float
) -> None:
    found = moved(tmp_path / "run", optimizer, steps={"z": 0.1, "c": 0.001})
    assert found["z"] == pytest.approx(z, rel=1e-3)
    assert found["c"] == pytest.approx(c, rel=1e-2)


def test_without_the_key_a_step_is_the_generators(tmp_path: Path) -> None:
    found = moved(tmp_path / "run", ONE)
    assert found["z"] == pytest.approx(0.05, rel=1e-3)
    assert found["c"] == pytest.approx(0.0001, rel=1e-2)


def test_a_variable_that_only_some_rows_have(tmp_path: Path) -> None:
    small = {"search": {"outer_steps": 1, "inner_steps": 1}}
    given = {"steps": {"phi": 0.5}, "roles": {"phi": "frozen"}}
    suite = gan(tmp_path, transforms=["none", {"spatial": small}], **given)
    _, _, models, found = tasks(suite)
    plain, spatial = (prepare(task, models).space for task in found)
    assert "phi" not in plain.slices
    assert plain.roles == {"z": "both", "c": "gradient"}
    assert spatial.steps[spatial.slices["phi"]].unique().tolist() == [0.5]
    assert spatial.roles["phi"] == "frozen"
