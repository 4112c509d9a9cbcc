"""What a row's inits say together: the class init first, the others knowing what it said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from e2e.kit import PHOTOS, ran_inline, tasks, written
from safetensors.torch import load

from p2lbench.errors import Skip
from p2lbench.project import prepare
from p2lbench.space import Space, Variable
from p2lbench.start import Start, in_order

# A generator of two variables, one of them before 'class' in the alphabet.
PLUGIN = """
import torch
from p2lbench.api import Generator, Init, Variable, hookimpl

class Pair(Generator):
    size = 8
    variables = (Variable("a", (2, 2), std=3.0), Variable("b", (3,), mean=1.0))
    def load(self, device):
        pass
    def forward(self, a, b):
        return (a.flatten(1)[:, :3] + b)[:, :, None, None].expand(-1, -1, 8, 8).tanh()

class Base(Init):
    def distribution(self, target, mask, generator, rng):
        assert dict(self.given) == {}
        return {"b": (torch.tensor([5.0, 6.0, 7.0]), 0.0)}

class Follows(Init):
    def distribution(self, target, mask, generator, rng):
        mean, deviation = self.given["b"]
        assert mean.shape == deviation.shape == (3,)
        total = float(mean.sum())
        mean.zero_()
        return {"a": (total, 0.0)}

class Alone(Init):
    def distribution(self, target, mask, generator, rng):
        return {"a": (float(len(self.given)), 0.0)}

@hookimpl
def register_generators(register):
    register("pair", Pair)

@hookimpl
def register_inits(register):
    register("base", Base)
    register("follows", Follows)
    register("alone", Alone)
"""


def latents(folder: Path, init: Any) -> dict[str, torch.Tensor]:
    keys = {"generators": ["pair"], "inits": [init], "optimizers": ["none"], "metrics": ["l1"]}
    _, found = ran_inline(written(folder, PLUGIN, **keys))
    assert found["none"].status == "ok", found["none"].reason
    return load(found["none"].latents)


@pytest.mark.parametrize(
    "init", [{"a": "follows", "class": "base"}, {"class": "base", "a": "follows"}]
)
def test_the_class_init_is_asked_first_wherever_it_stands(tmp_path: Path, init: Any) -> None:
    found = latents(tmp_path, init)
    assert found["a"].eq(18).all()
    assert found["b"].tolist() == [[5, 6, 7]] * 2


def test_what_the_row_before_said_is_forgotten(tmp_path: Path) -> None:
    keys = {"generators": ["pair"], "metrics": ["l1"], "optimizers": ["none"]}
    inits = [{"class": "base", "a": "alone"}, {"a": "alone"}]
    _, _, models, found = tasks(written(tmp_path, PLUGIN, inits=inits, **keys))
    # The instance of 'alone' is the same for both.
    settings = [prepare(task, models) for task in found]
    assert [s.mean[s.space.slices["a"]].tolist() for s in settings] == [[1] * 4, [0] * 4]


def test_order_is_the_rows_but_for_the_class() -> None:
    parts: list[Any] = [("a", "x", 1), ("c", "y", 2), ("class", "w", 3), ("z", "v", 4)]
    assert [name for name, _, _ in in_order(parts)] == ["class", "a", "c", "z"]


def test_what_is_given_is_in_the_variables_shape_and_a_copy() -> None:
    space = Space([Variable("a", (2, 2)), Variable("b", (3,))])
    start = Start(space, space.mean, space.std)
    assert start.given == {}
    start.take({"a": (2.0, 0.5), "b": (torch.ones(3), torch.zeros(3))}, "a", "some")
    assert start.given.keys() == {"a"}
    mean, deviation = start.given["a"]
    assert mean.tolist() == [[2, 2], [2, 2]]
    assert deviation.tolist() == [[0.5, 0.5], [0.5, 0.5]]
    mean.zero_()
    assert start.mean.tolist() == [2, 2, 2, 2, 0, 0, 0]
    assert start.std.tolist() == [0.5, 0.5, 0.5, 0.5, 1, 1, 1]


def test_what_an_init_cannot_say_is_explained() -> None:
    space = Space([Variable("a", (2,))])
    start = Start(space, space.mean, space.std)
    with pytest.raises(Skip, match="init 'some' says nothing of 'a', but of c, z"):
        start.take({"c": (0.0, 0.0), "z": (0.0, 0.0)}, "a", "some")
    with pytest.raises(Skip, match="init 'some' speaks of 'z', which the generator does not have"):
        start.take({"z": (0.0, 0.0)}, "class", "some")


NUMBERED = """
from p2lbench.api import Init, hookimpl

class Numbered(Init):
    def distribution(self, target, mask, generator, rng):
        return {"z": (float(-1 if self.class_id is None else self.class_id), 0.0)}

@hookimpl
def register_inits(register):
    register("numbered", Numbered)
"""


def test_a_class_is_told_only_where_it_is_in_the_cells_id(tmp_path: Path) -> None:
    photo = {"file": str(PHOTOS / "bag-126.png"), "class": 8}
    keys: dict[str, Any] = {"inits": ["numbered"], "optimizers": ["none"], "images": [photo]}
    _, found = ran_inline(written(tmp_path, NUMBERED, **keys))
    assert load(found["none"].latents)["z"].eq(-1).all()


def test_what_is_given_comes_in_the_order_in_which_it_was_said() -> None:
    names = "hgfedcba"
    space = Space([Variable(name, (1,)) for name in sorted(names)])
    start = Start(space, space.mean, space.std)
    start.take(dict.fromkeys(names, (0.0, 0.0)), "class", "some")
    assert list(start.given) == list(names)
