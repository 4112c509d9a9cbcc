"""The suite that the contract shows, as it stands there, with the built-in plugins."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from p2lbench.errors import UserError
from p2lbench.plan import plan
from p2lbench.suite import load

ROOT = Path(__file__).parents[1]
PLUGIN = '''
from p2lbench.api import AskTell, hookimpl

class RandomSearch(AskTell):
    """Draws every point from the prior."""
    def ask(self):
        return self.problem.sample(self.problem.candidates)
    def tell(self, points, losses):
        pass

@hookimpl
def register_optimizers(register):
    register("random-search", RandomSearch)
'''
SUITE = """
name: my-suite
images:
  - {file: images/bag.png, class: 8}
generators: [biggan-fmnist]
losses: [{l1: 1, percep-fmnist: 10}]
metrics: [l1, l2, percep-fmnist, lpips-alex]
transforms: [none]
inits: [ground-truth]
optimizers:
  - adam: {steps: 200, lr: 0.05}
  - basin: {outer: cma, inner: {adam: {lr: 0.05}}, outer_steps: 10, inner_steps: 10,
            final_steps: 50}
    as: basincma-short
  - basincma
candidates: 8
repeats: 1
budget: {passes: 20000, seconds: 60, protocol: paper}
timeout: 600
threads: 1
seed: 0
plugins: [my_optimizer.py]
roles: {c: gradient}
steps: {z: 0.1, c: {relative: 0.01}}
mask_scoring: hard
baseline: adam
exclude: [{transforms: none, optimizers: lbfgs}]
include: [{generators: biggan-fmnist, optimizers: cma}]
"""


def test_it_loads_and_plans(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    photo = ROOT / "suites" / "images" / "fmnist" / "bag-126.png"
    shutil.copy(photo, tmp_path / "images" / "bag.png")
    (tmp_path / "my_optimizer.py").write_text(PLUGIN)
    (tmp_path / "suite.yaml").write_text(SUITE)
    suite, plugins = load(tmp_path / "suite.yaml")
    planned = plan(suite, plugins)
    assert [m.row[4] for m in planned.methods] == ["adam", "basincma-short", "basincma", "cma"]
    assert {m.row[1] for m in planned.methods} == {"l1+10*percep-fmnist"}
    assert len({cell.id for cell in planned.cells()}) == len(planned) == 4
    assert plugins.registry.find("optimizers", "random-search")


def test_the_quickstart_is_what_the_readme_says() -> None:
    suite, plugins = load("quickstart")
    assert (len(suite.images), suite.candidates, len(suite.optimizers)) == (6, 6, 5)
    assert all(image.split == "test" for image in suite.images)
    assert len(plan(suite, plugins)) == 30


def test_a_role_of_a_variable_that_no_generator_has() -> None:
    with pytest.raises(UserError, match=r"no generator has a variable 'w'.*Variables: z, c, phi"):
        load("quickstart", overrides=["roles={w: frozen}"])


def test_a_mask_that_the_generator_never_sees(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (96, 32), "grey").save(tmp_path / "wide.png")
    text = SUITE.replace("plugins: [my_optimizer.py]\n", "")
    text = text.replace(
        "images/bag.png, class: 8", "wide.png, class: 8, mask: {box: [0, 0, 10, 32]}"
    )
    (tmp_path / "suite.yaml").write_text(text)
    with pytest.raises(UserError, match=r"suite.yaml:4:\d+: of the 32 x 32 pixels .* 0 are fore"):
        load(tmp_path / "suite.yaml")
    (tmp_path / "suite.yaml").write_text(text.replace("[0, 0, 10, 32]", "[0, 0, 50, 32]"))
    load(tmp_path / "suite.yaml")
